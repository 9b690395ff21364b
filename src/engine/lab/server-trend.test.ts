import { expect, test } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { type TrendCounts, TrendKeeper } from './server-trend.ts';

const NONE: TrendCounts = { rows: 0, lost: 0, wireBytes: 0, bytes: 0, latencyMs: Number.NaN };
const T0 = 1_700_000_000_000;

test('348 a point a second: what was lost, how late, what was saved, how much came', () => {
  const trend = new TrendKeeper();
  trend.look(NONE, 0, T0);
  trend.look({ ...NONE, latencyMs: 40 }, 500, T0 + 500);
  expect(trend.read('minutes').t).toEqual([]);
  trend.look({ rows: 990, lost: 10, wireBytes: 300, bytes: 1000, latencyMs: 12 }, 1000, T0 + 1000);
  trend.look({ rows: 990, lost: 10, wireBytes: 300, bytes: 1000, latencyMs: 5 }, 3000, T0 + 3000);
  expect(trend.read('minutes')).toEqual({
    stepS: 1,
    t: [T0 + 1000, T0 + 3000],
    lost: [0.01, null],
    // The longest of the step.
    latencyMs: [40, 12],
    saved: [0.7, null],
    bytesPerS: [300, 0],
  });
  expect(trend.read('minutes', T0 + 1000).t).toEqual([T0 + 3000]);
  expect(trend.read('day').t).toEqual([]);
});

test('348 streams that are closed take their counts away: no figure, then a new beginning', () => {
  const trend = new TrendKeeper();
  trend.look({ ...NONE, rows: 500, lost: 5 }, 0, T0);
  trend.look({ ...NONE, rows: 20 }, 1000, T0 + 1000);
  trend.look({ ...NONE, rows: 39, lost: 1 }, 2000, T0 + 2000);
  expect(trend.read('minutes').lost).toEqual([null, 0.05]);
});

test('348 a day at two looks a second is bounded, in order, and equal to what a list would hold', () => {
  const random = seededRandom(348);
  const trend = new TrendKeeper({ minutes: { stepMs: 1000, points: 7 }, day: { stepMs: 60_000, points: 5 } });
  const all: { t: number; lost: number | null }[] = [];
  let counts = NONE;
  let before = { atMs: 0, counts };
  trend.look(counts, 0, T0);
  for (let nowMs = 500; nowMs < 1_000_000; nowMs += 500) {
    counts = { ...counts, rows: counts.rows + random.below(3), lost: counts.lost + (random.below(20) === 0 ? 1 : 0) };
    trend.look(counts, nowMs, T0 + nowMs);
    if (nowMs - before.atMs < 1000) continue;
    const lost = counts.lost - before.counts.lost;
    const share = lost / (lost + counts.rows - before.counts.rows);
    all.push({ t: T0 + nowMs, lost: Number.isNaN(share) ? null : share });
    before = { atMs: nowMs, counts };
    const { t, lost: shares } = trend.read('minutes');
    expect(t.map((at, index) => ({ t: at, lost: shares[index] }))).toEqual(all.slice(-7));
  }
  const { t } = trend.read('day');
  expect(t).toHaveLength(5);
  expect([...t].sort((a, b) => a - b)).toEqual(t);
});
