import { expect, test } from 'vitest';
import { seededRandom } from '../core/seeded-random.ts';
import { Statistics } from './statistics.ts';

test('of nothing and of one sample', () => {
  const statistics = new Statistics();
  expect(statistics).toMatchObject({ count: 0, min: Number.NaN, mean: Number.NaN, deviation: Number.NaN });
  statistics.add(3);
  expect(statistics).toMatchObject({ count: 1, min: 3, max: 3, mean: 3, deviation: Number.NaN });
});

test('missing and overload are not counted', () => {
  const statistics = new Statistics();
  for (const value of [1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3]) statistics.add(value);
  expect(statistics).toMatchObject({ count: 2, min: 1, max: 3, mean: 2, deviation: Math.SQRT2 });
});

test('keeps the digits of microvolts on ten volts', () => {
  const random = seededRandom(1);
  const noise = Array.from({ length: 100_000 }, () => (random.next() - 0.5) * 2e-6);
  const statistics = new Statistics();
  for (const value of noise) statistics.add(10 + value);
  const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
  const deviation = Math.sqrt(noise.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (noise.length - 1));
  expect(Math.abs(statistics.mean - 10 - mean)).toBeLessThan(1e-12);
  expect(Math.abs(statistics.deviation / deviation - 1)).toBeLessThan(1e-6);
});

test('begins anew after reset', () => {
  const statistics = new Statistics();
  statistics.add(1);
  statistics.add(2);
  statistics.reset();
  statistics.add(7);
  expect(statistics).toMatchObject({ count: 1, min: 7, max: 7, mean: 7 });
});
