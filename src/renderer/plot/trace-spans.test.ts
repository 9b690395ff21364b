import { describe, expect, test } from 'vitest';
import { COLUMN_FLAG } from '../../core/extent.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { TraceColumns } from './trace-columns.ts';
import { type PixelBuffer, paintEnvelope, paintLine, shiftPixels } from './trace-raster.ts';
import { overloadRuns, type PixelMap, SPAN_STATE, TraceSpans } from './trace-spans.ts';

const NAN = Number.NaN;

function columnsOf(
  times: number[],
  lows: number[],
  highs = lows,
  flags: number[] = [],
  rows = 1,
  spanS = 0,
): TraceColumns {
  return {
    start: 0,
    end: times.length,
    times: Float64Array.from(times),
    lows: Float64Array.from(lows),
    highs: Float64Array.from(highs),
    flags: Uint8Array.from(times, (_, index) => flags[index] ?? 0),
    rows,
    spanS,
  };
}

/** One pixel per second and unit, value 0 at the bottom of 100 pixels. */
const MAP: PixelMap = { widthPx: 40, heightPx: 100, fromPx: 0, secondsPerPx: 1, yGain: -1, yOffset: 100 };

function painted(spans: TraceSpans): number[] {
  return Array.from({ length: spans.widthPx }, (_, x) => ((spans.state[x] ?? 0) & SPAN_STATE.data ? 1 : 0));
}

describe('spans', () => {
  test('samples are joined, gaps are not', () => {
    const spans = new TraceSpans();
    spans.project([columnsOf([2.5, 6.5, 12.5, 16.5], [10, 20, 30, 40], undefined, [0, 0, COLUMN_FLAG.gap, 0])], MAP);
    const row = painted(spans);
    expect(row.slice(2, 7)).toEqual([1, 1, 1, 1, 1]);
    expect(row.slice(7, 12)).toEqual([0, 0, 0, 0, 0]);
    expect(row.slice(12, 17)).toEqual([1, 1, 1, 1, 1]);
    expect(spans.gaps).toEqual([[6, 12]]);
  });

  test('missing values break the line and count as a gap', () => {
    const spans = new TraceSpans();
    spans.project([columnsOf([1.5, 2.5, 5.5, 9.5], [1, NAN, NAN, 2])], MAP);
    expect(painted(spans).slice(2, 9)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(spans.gaps).toEqual([[1, 9]]);
  });

  test('overload is marked, not drawn as a number, and is no gap', () => {
    const spans = new TraceSpans();
    const flags = [0, COLUMN_FLAG.overload, COLUMN_FLAG.overload, 0];
    spans.project(
      [
        columnsOf(
          [1.5, 2.5, 3.5, 4.5],
          [5, NAN, Number.NEGATIVE_INFINITY, 6],
          [5, NAN, Number.NEGATIVE_INFINITY, 6],
          flags,
        ),
      ],
      MAP,
    );
    expect(painted(spans).slice(1, 5)).toEqual([1, 0, 0, 1]);
    expect(overloadRuns(spans, 'above')).toEqual([[2, 3]]);
    expect(overloadRuns(spans, 'below')).toEqual([[3, 4]]);
    expect(spans.gaps).toEqual([]);
  });

  test('what lies between two streams of a channel is a gap', () => {
    const spans = new TraceSpans();
    const second = { ...columnsOf([20.5, 25.5], [3, 3]), opensGap: true };
    spans.project([columnsOf([1.5, 10.5], [2, 2]), second], MAP);
    expect(spans.gaps).toEqual([[10, 20]]);
    expect(painted(spans).slice(11, 20)).not.toContain(1);
  });

  test('the line enters from outside the view', () => {
    const spans = new TraceSpans();
    spans.project([columnsOf([-10, 50], [0, 60])], MAP);
    expect(painted(spans).every((bit) => bit === 1)).toBe(true);
    expect(spans.lineTop[0]).toBeGreaterThan(80);
    expect(spans.lineBottom[39]).toBeLessThan(60);
  });

  test('a channel scale that turns the sign turns the envelope', () => {
    const spans = new TraceSpans();
    spans.project([columnsOf([3], [10], [20], [], 8, 1)], { ...MAP, yGain: 1, yOffset: 0 });
    expect([spans.top[3], spans.bottom[3]]).toEqual([10, 20]);
  });

  test('envelope holds every extreme: seeded columns against a reference', () => {
    const random = seededRandom(11);
    for (let round = 0; round < 40; round++) {
      const count = 20 + random.below(300);
      const spanS = 40 / count;
      const times = Array.from({ length: count }, (_, index) => index * spanS);
      const lows = times.map(() => random.next() * 50);
      const highs = lows.map((low) => low + random.next() * 50);
      const spans = new TraceSpans();
      spans.project([columnsOf(times, lows, highs, [], 16, spanS)], MAP);
      for (const [index, time] of times.entries()) {
        const x = Math.floor(time + spanS / 2);
        expect(spans.top[x]).toBeLessThanOrEqual(Math.fround(100 - (highs[index] ?? 0)) + 1e-4);
        expect(spans.bottom[x]).toBeGreaterThanOrEqual(Math.fround(100 - (lows[index] ?? 0)) - 1e-4);
      }
      expect(spans.decimated).toBe(true);
    }
  });

  test('moving on gives the picture that painting anew gives', () => {
    const random = seededRandom(5);
    for (let round = 0; round < 60; round++) {
      const spanS = [0.25, 0.5, 1, 3.7][random.below(4)] ?? 1;
      const total = Math.ceil(160 / spanS);
      const times: number[] = [];
      const lows: number[] = [];
      const flags: number[] = [];
      let time = -20;
      for (let index = 0; index < total; index++) {
        const kind = random.below(30);
        if (kind === 0) time += random.below(9);
        times.push(time);
        lows.push(kind === 1 ? NAN : random.next() * 90);
        flags.push(kind === 0 ? COLUMN_FLAG.gap : kind === 2 ? COLUMN_FLAG.overload : 0);
        time += spanS;
      }
      const rows = spanS < 1 ? 4 : 1;
      const all = columnsOf(
        times,
        lows,
        lows.map((low) => low + 3),
        flags,
        rows,
        rows > 1 ? spanS : 0,
      );
      const moving = new TraceSpans();
      const moved: PixelBuffer = { widthPx: 40, heightPx: 100, pixels: new Uint32Array(4000) };
      let known = Math.floor(total / 3);
      let fromPx = 0;
      moving.project([{ ...all, end: known }], MAP);
      draw(moved, moving, 0);
      for (let step = 0; step < 20; step++) {
        const shift = random.below(4);
        const before = known;
        known = Math.min(total, known + random.below(12));
        fromPx += shift;
        const map = { ...MAP, fromPx };
        const changed = Math.floor((times[Math.max(0, before - 1)] ?? 0) - fromPx) - 2;
        const dirty = Math.max(0, Math.min(40 - shift - 2, changed));
        moving.advance([{ ...all, end: known }], map, shift, dirty);
        shiftPixels(moved, shift, dirty);
        draw(moved, moving, dirty);
        const fresh = new TraceSpans();
        fresh.project([{ ...all, end: known }], map);
        const anew: PixelBuffer = { widthPx: 40, heightPx: 100, pixels: new Uint32Array(4000) };
        draw(anew, fresh, 0);
        expect(painted(moving)).toEqual(painted(fresh));
        expect(moving.state.subarray(0, 40)).toEqual(fresh.state.subarray(0, 40));
        expect(moving.gaps).toEqual(fresh.gaps);
        // Pixels at the left edge may lean on a neighbour that has left the view.
        expect(differences(moved, anew, 2)).toBe(0);
      }
    }
  });
});

function draw(buffer: PixelBuffer, spans: TraceSpans, fromPx: number): void {
  if (spans.decimated) paintEnvelope(buffer, spans, 0x40112233, fromPx);
  paintLine(buffer, spans, { color: 0xff112233, widthPx: 1.5, dash: [], dashFromPx: 0 }, fromPx);
}

function differences(a: PixelBuffer, b: PixelBuffer, fromX: number): number {
  let count = 0;
  for (let at = 0; at < a.pixels.length; at++) {
    if (at % a.widthPx >= fromX && a.pixels[at] !== b.pixels[at]) count++;
  }
  return count;
}
