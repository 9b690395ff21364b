import { expect, test } from 'vitest';
import type { ShareStats } from '../../contract/share-schema.ts';
import { addStats, droppedPerS, NO_TREND, type ShareTrend } from './share-log.ts';

const SPAN_MS = 600_000;

function stats(atMs: number, dropped: Record<string, number> = {}): ShareStats {
  const connections = Object.entries(dropped).map(([id, count]) => ({
    id,
    queueUse: 0.25,
    delivered: 0,
    conflated: 0,
    decimated: 0,
    dropped: count,
    bytesPerS: 0,
    compressionRatio: 3,
    compressionLevel: 6,
    roundTripMs: null,
  }));
  const total = {
    queueUse: 0.25,
    delivered: 0,
    conflated: 0,
    decimated: 0,
    dropped: 0,
    bytesPerS: 0,
    compressionRatio: 3,
  };
  return { t: String(BigInt(atMs) * 1_000_000n), ...total, backpressure: 0, emergency: 0, lagMs: 2, connections };
}

function play(answers: readonly ShareStats[]): ShareTrend {
  return answers.reduce((trend, now, index) => addStats(trend, answers[index - 1], now, SPAN_MS), NO_TREND);
}

test('what was not sent, per second; a connection that leaves is no fall, one that is new counts from nothing', () => {
  expect(droppedPerS(stats(0, { a: 10 }), stats(2000, { a: 14 }))).toBe(2);
  expect(droppedPerS(stats(0, { a: 10, b: 500 }), stats(1000, { a: 10 }))).toBe(0);
  expect(droppedPerS(stats(0, {}), stats(1000, { c: 7 }))).toBe(7);
  expect(droppedPerS(stats(0, { a: 10 }), stats(1000, { a: 3 })), 'counted anew').toBe(0);
  expect(droppedPerS(stats(5, {}), stats(5, {}))).toBeNull();
});

test('the first answer has no rate; without a connection there is no ratio', () => {
  const trend = play([stats(1000), stats(2000, { a: 0 }), stats(3000, { a: 5 })]);
  expect(trend.dropped).toEqual([null, 0, 5]);
  expect(trend.ratio).toEqual([null, 3, 3]);
});

test('while nobody looked there is a hole, and no rate over it', () => {
  const trend = play([
    stats(1000, { a: 0 }),
    stats(2000, { a: 0 }),
    stats(60_000, { a: 900 }),
    stats(61_000, { a: 901 }),
  ]);
  expect(trend.t).toEqual([1000, 2000, 2001, 60_000, 61_000]);
  expect(trend.lagMs).toEqual([2, 2, null, 2, 2]);
  expect(trend.dropped).toEqual([null, 0, null, null, 1]);
});

test('older than the span is let go, and an answer of before is not taken', () => {
  const trend = play(Array.from({ length: 700 }, (_, second) => stats(second * 1000)));
  expect(trend.t).toHaveLength(601);
  expect(trend.queueUse).toHaveLength(601);
  expect(trend.t[0]).toBe(99_000);
  expect(addStats(trend, undefined, stats(5000), SPAN_MS)).toBe(trend);
});
