import { expect, test } from 'vitest';
import { LATENCY_EDGES_MS, LatencyHistogram, quantileMs } from './latency-histogram.ts';

test('each round trip is counted in the first bucket whose edge it does not exceed', () => {
  for (const ms of [0, 0.01, 0.0625, 0.07, 0.9, 1, 1.001, 3, 500, 131_072, 1e9]) {
    const histogram = new LatencyHistogram();
    histogram.add(ms);
    const index = histogram.counts.indexOf(1);
    const last = LATENCY_EDGES_MS.length - 1;
    if (index < last) expect(ms, `${ms} ms`).toBeLessThanOrEqual(LATENCY_EDGES_MS[index] ?? 0);
    if (index > 0) expect(ms, `${ms} ms`).toBeGreaterThan(LATENCY_EDGES_MS[index - 1] ?? 0);
  }
});

test('quantiles are upper edges; of nothing 0', () => {
  const histogram = new LatencyHistogram();
  expect(histogram.quantileMs(0.5)).toBe(0);
  for (let count = 0; count < 90; count++) histogram.add(0.9);
  for (let count = 0; count < 10; count++) histogram.add(100);
  expect(histogram.quantileMs(0.5)).toBe(1);
  expect(histogram.quantileMs(0.95)).toBe(128);
  expect(quantileMs(histogram.counts, 1)).toBe(128);
});
