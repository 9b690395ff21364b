import { describe, expect, test } from 'vitest';
import { COLUMN_FLAG } from '../../core/extent.ts';
import { countSides, layAxes } from './axis-layout.ts';
import { cursorReadout, readTrace } from './cursor-readout.ts';
import { type EventMark, gapReason, placeFlags } from './event-flags.ts';
import type { TraceColumns } from './trace-columns.ts';

function columnsOf(times: number[], values: number[], flags: number[] = []): TraceColumns {
  const samples = Float64Array.from(values);
  return {
    start: 0,
    end: times.length,
    times: Float64Array.from(times),
    lows: samples,
    highs: samples,
    flags: Uint8Array.from(times, (_, index) => flags[index] ?? 0),
    rows: 1,
    spanS: 0,
  };
}

describe('reading at a cursor', () => {
  const trace = columnsOf([0, 1, 2, 10, 11], [5, 6, 7, 8, 9], [0, 0, 0, COLUMN_FLAG.gap, 0]);

  test('the nearer sample', () => {
    expect(readTrace([trace], 0.9, 0.1).value).toBe(6);
    expect(readTrace([trace], 1.6, 0.1).value).toBe(7);
  });

  test('nothing inside a gap, nothing far outside the data', () => {
    expect(readTrace([trace], 5, 0.1).value).toBeNaN();
    expect(readTrace([trace], 20, 0.1).value).toBeNaN();
    expect(readTrace([], 5, 0.1).value).toBeNaN();
  });

  test('the middle of the column that covers it', () => {
    const column = { ...columnsOf([0], [1]), highs: Float64Array.of(3), rows: 8, spanS: 4 };
    expect(readTrace([column], 3.9, 0)).toMatchObject({ low: 1, high: 3, value: 2 });
  });

  test('overload is said', () => {
    const column = columnsOf([0, 1], [1, Number.NaN], [0, COLUMN_FLAG.overload]);
    expect(readTrace([column], 1, 0.1).overload).toBe(true);
  });
});

test('differences between the cursors', () => {
  const values: Record<string, number[]> = { a: [1, 4], b: [2, Number.NaN] };
  const readout = cursorReadout(10, 10.25, ['a', 'b'], (id, timeS) => values[id]?.[timeS === 10 ? 0 : 1] ?? 0);
  expect(readout.deltaS).toBeCloseTo(0.25);
  expect(readout.rateHz).toBeCloseTo(4);
  expect(readout.rows[0]).toEqual({ id: 'a', a: 1, b: 4, delta: 3 });
  expect(readout.rows[1]?.delta).toBeNaN();
  expect(cursorReadout(1, 1, [], () => 0).rateHz).toBe(Number.POSITIVE_INFINITY);
  expect(cursorReadout(2, 1, [], () => 0)).toMatchObject({ deltaS: -1, rateHz: 1 });
});

test('one axis per unit, left and right by turns', () => {
  const axes = layAxes(['V', 'A', 'V', 'degC']);
  expect(axes.map(({ unit, side }) => [unit, side])).toEqual([
    ['V', 'left'],
    ['A', 'right'],
    ['degC', 'left'],
  ]);
  expect(countSides(axes)).toEqual({ left: 2, right: 1 });
});

describe('events', () => {
  const mark = (timeS: number, text: string, kind = 'setpoint'): EventMark => ({
    id: text,
    timeS,
    kind,
    text,
    severity: undefined,
    channel: undefined,
    instrument: undefined,
  });
  const measure = (text: string): number => text.length * 10;

  test('words only where there is room, the newest first', () => {
    const flags = placeFlags(
      [mark(10, 'first words'), mark(12, 'second words'), mark(14, 'third')],
      0,
      0.1,
      1000,
      measure,
    );
    expect(flags.map((flag) => flag.row)).toEqual([undefined, 1, 0]);
  });

  test('gaps and overload get no flag, nor what lies outside', () => {
    expect(
      placeFlags([mark(1, 'g', 'gap'), mark(1, 'o', 'overload'), mark(-5, 'x'), mark(500, 'y')], 0, 0.1, 1000, measure),
    ).toEqual([]);
  });

  test('the reason of a gap is the nearest that tells one', () => {
    const marks = [mark(5, 'reconnect', 'reconnect'), mark(7, 'cable out', 'gap'), mark(6, 'CH1 on')];
    expect(gapReason([], marks, 6.9, 8)).toBe('cable out');
    expect(gapReason([{ fromS: 6.9, toS: 8, reason: 'buffer full' }], marks, 6.9, 8)).toBe('buffer full');
    expect(gapReason([], marks, 100, 101)).toBeUndefined();
  });
});
