import { describe, expect, test } from 'vitest';
import type { ColumnsFrameBlock } from '../../contract/frames.ts';
import type { ColumnBlock } from '../../core/decimate.ts';
import { COLUMN_FLAG } from '../../core/extent.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { type ColumnCover, mixColumns, rankCovers } from './column-mix.ts';
import { ColumnSet } from './column-set.ts';
import type { TraceColumns } from './trace-columns.ts';

const ORIGIN = 1_700_000_000_000_000_000n;

function stream(id: number, epoch = id): StreamInfo {
  const columns = [
    { channel: 'a', unit: 'V' },
    { channel: 'b', unit: 'A' },
  ];
  return { id, key: 'daq/main', instrument: 'daq', epoch, kind: 'regular', columns, rateHz: 100 };
}

/** Columns of n rows at 100 rows a second; values are the row numbers. */
function block(
  id: number,
  n: number,
  firstRow: number,
  rows: number,
  extra: Partial<ColumnBlock> = {},
): ColumnsFrameBlock {
  const first = Math.floor(firstRow / n);
  const length = Math.ceil((firstRow + rows) / n) - first;
  const min = Float32Array.from({ length }, (_, index) => Math.max(firstRow, (first + index) * n));
  const max = Float32Array.from({ length }, (_, index) => Math.min(firstRow + rows, (first + index + 1) * n) - 1);
  const columns: ColumnBlock = {
    n,
    firstRow,
    rows,
    length,
    t0Ns: ORIGIN + BigInt(firstRow) * 10_000_000n,
    dtS: 0.01,
    timeS: undefined,
    min: [min],
    max: [n === 1 ? min : max],
    flags: undefined,
    isAfterGap: false,
    isPartial: false,
    ...extra,
  };
  return { kind: 'columns', id: 1, isReply: false, stream: id, isRestart: false, channels: [0], columns };
}

const lows = (columns: TraceColumns | undefined): number[] =>
  columns ? [...columns.lows.subarray(columns.start, columns.end)] : [];
const highs = (columns: TraceColumns | undefined): number[] =>
  columns ? [...columns.highs.subarray(columns.start, columns.end)] : [];

describe('columns of a watch', () => {
  test('are kept in order, with their times', () => {
    const set = new ColumnSet(ORIGIN, 1000, () => stream(1));
    set.take(block(1, 8, 0, 16));
    set.take(block(1, 8, 16, 8));
    const [piece] = set.pieces('daq/a', 0, 10);
    expect(lows(piece)).toEqual([0, 8, 16]);
    expect(highs(piece)).toEqual([7, 15, 23]);
    expect(piece?.times[piece.start + 2]).toBeCloseTo(0.16);
    expect(piece?.spanS).toBeCloseTo(0.08);
  });

  test('the newest column comes again under its number', () => {
    const set = new ColumnSet(ORIGIN, 1000, () => stream(1));
    set.take(block(1, 8, 0, 11, { isPartial: true }));
    set.take(block(1, 8, 8, 8));
    const [piece] = set.pieces('daq/a', 0, 10);
    expect(lows(piece)).toEqual([0, 8]);
    expect(highs(piece)).toEqual([7, 15]);
  });

  test('a column after a gap keeps its flag when it comes again', () => {
    const set = new ColumnSet(ORIGIN, 1000, () => stream(1));
    set.take(block(1, 8, 0, 8));
    set.take(block(1, 8, 24, 3, { isAfterGap: true, isPartial: true }));
    set.take(block(1, 8, 24, 8));
    const [piece] = set.pieces('daq/a', 0, 10);
    expect(lows(piece)).toEqual([0, 24]);
    expect((piece?.flags[piece.start + 1] ?? 0) & COLUMN_FLAG.gap).toBe(COLUMN_FLAG.gap);
  });

  test('what the screen skipped breaks the line and is no gap', () => {
    const set = new ColumnSet(ORIGIN, 1000, () => stream(1));
    set.take(block(1, 8, 0, 8));
    set.take({ kind: 'skipped', id: 1, isReply: false, stream: 1, from: 8, to: 80, reason: 'window' });
    set.take(block(1, 8, 80, 8));
    const [piece] = set.pieces('daq/a', 0, 10);
    const flags = piece?.flags[piece.start + 1] ?? 0;
    expect(flags).not.toBe(0);
    expect(flags & COLUMN_FLAG.gap).toBe(0);
  });

  test('a restart begins anew; memory is bounded', () => {
    const set = new ColumnSet(ORIGIN, 100, () => stream(1));
    for (let row = 0; row < 100_000; row += 80) set.take(block(1, 8, row, 80));
    expect(lows(set.pieces('daq/a', 0, 1e6)[0])).toHaveLength(100);
    set.take({ ...block(1, 16, 99_200, 160), isRestart: true });
    const [piece] = set.pieces('daq/a', 0, 1e6);
    expect(lows(piece)).toHaveLength(10);
    expect(piece?.rows).toBe(16);
  });

  test('a channel lives on in the next stream, with a gap between', () => {
    const infos = [stream(1, 100), stream(2, 200)];
    const set = new ColumnSet(ORIGIN, 100, (id) => infos.find((info) => info.id === id));
    set.take(block(1, 1, 0, 5));
    set.take(block(2, 1, 50, 5));
    const pieces = set.pieces('daq/a', 0, 10);
    expect(pieces.map((piece) => lows(piece))).toEqual([
      [0, 1, 2, 3, 4],
      [50, 51, 52, 53, 54],
    ]);
    expect(pieces.map((piece) => piece.opensGap ?? false)).toEqual([false, true]);
    expect(set.lastRows()).toEqual([
      { key: 'daq/main', epoch: 100, row: 4 },
      { key: 'daq/main', epoch: 200, row: 54 },
    ]);
  });

  test('says from when the traces have changed', () => {
    const set = new ColumnSet(ORIGIN, 1000, () => stream(1));
    set.take(block(1, 8, 0, 80));
    const seen = set.changes.revision;
    expect(set.changes.since(seen)).toBe(Number.POSITIVE_INFINITY);
    set.take(block(1, 8, 80, 8));
    // From the column before: the line to the new one leans on it.
    expect(set.changes.since(seen)).toBeCloseTo(0.72);
    expect(set.changes.since(-1)).toBe(Number.NEGATIVE_INFINITY);
    expect(set.changes.since(seen + 100)).toBe(Number.NEGATIVE_INFINITY);
  });

  test('lets old columns go, and streams that are over', () => {
    const infos = [stream(1, 100), stream(2, 200)];
    const set = new ColumnSet(ORIGIN, 1000, (id) => infos.find((info) => info.id === id));
    set.take(block(1, 1, 0, 100));
    set.take(block(2, 1, 200, 100));
    set.letGoBefore(2.5);
    expect(set.lastRows()).toHaveLength(1);
    expect(lows(set.pieces('daq/a', 0, 100)[0])[0]).toBeGreaterThanOrEqual(249);
  });
});

describe('a trace from several covers', () => {
  const cover = (name: number, fromS: number, toS: number, fineS: number): ColumnCover => ({
    fromS,
    toS,
    fineS,
    pieces: (_channel, from, to) => [
      {
        start: 0,
        end: 2,
        times: Float64Array.of(from, to),
        lows: Float64Array.of(name, name),
        highs: Float64Array.of(name, name),
        flags: new Uint8Array(2),
        rows: 1,
        spanS: 0,
      },
    ],
  });
  const shape = (covers: ColumnCover[], from: number, to: number) =>
    mixColumns(covers, 'x', from, to).map((piece) => [piece.lows[0], piece.times[0], piece.times[1]]);

  test('each stretch from the first that speaks for it', () => {
    expect(shape([cover(1, 4, 6, 0), cover(2, 0, 10, 0)], 2, 8)).toEqual([
      [2, 2, 4],
      [1, 4, 6],
      [2, 6, 8],
    ]);
  });

  test('nothing where nobody speaks', () => {
    expect(shape([cover(1, 4, 6, 0)], 8, 9)).toEqual([]);
  });

  test('fine enough comes first, then the least coarse', () => {
    const [coarse, fine, finest] = [cover(1, 0, 1, 1), cover(2, 0, 1, 0.1), cover(3, 0, 1, 0.001)];
    expect(rankCovers([coarse, finest, fine], 0.1)).toEqual([fine, finest, coarse]);
    expect(rankCovers([coarse, finest, fine], 1e-6)).toEqual([finest, fine, coarse]);
  });
});
