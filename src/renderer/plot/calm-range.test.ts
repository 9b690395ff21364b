import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { CalmRange } from './calm-range.ts';
import { roundRange, roundStep } from './round-range.ts';

describe('round limits', () => {
  test('steps are 1, 2, 5 × 10^n', () => {
    expect([0.9, 1, 1.1, 2, 2.1, 5, 5.1, 0.03].map(roundStep)).toEqual([1, 1, 2, 2, 5, 5, 10, 0.05]);
  });

  test('hold the data with a margin', () => {
    const range = roundRange(4.83, 5.17, 0.06, 0);
    expect(range.low).toBeLessThanOrEqual(4.83);
    expect(range.high).toBeGreaterThanOrEqual(5.17);
    expect(range.high - range.low).toBeLessThan(0.6);
  });

  test('one value gets the smallest span around it, zero and the largest floats too', () => {
    const flat = roundRange(5, 5, 0.06, 0.01);
    expect(flat.low).toBeLessThan(5);
    expect(flat.high).toBeGreaterThan(5);
    expect(flat.high - flat.low).toBeLessThan(0.1);
    for (const value of [0, 1e-30, 1e30, -3e8]) {
      const range = roundRange(value, value, 0.06, 0);
      expect(range.high).toBeGreaterThan(range.low);
    }
  });
});

describe('calm axis', () => {
  test('stands still while the data move inside', () => {
    const axis = new CalmRange();
    const first = axis.update(-1, 1, 0, 0);
    const random = seededRandom(1);
    for (let ms = 0; ms < 60_000; ms += 16) {
      const amplitude = 0.8 + 0.2 * random.next();
      expect(axis.update(-amplitude, amplitude, 0, ms)).toEqual(first);
    }
  });

  test('grows at once, never cutting data off', () => {
    const axis = new CalmRange();
    axis.update(0, 1, 0, 0);
    const grown = axis.update(0, 3, 0, 16);
    expect(grown?.high).toBeGreaterThanOrEqual(3);
  });

  test('shrinks only after the data have been small for a while', () => {
    const axis = new CalmRange({ shrinkAfterMs: 1500 });
    const wide = axis.update(-10, 10, 0, 0);
    expect(axis.update(-1, 1, 0, 100)).toEqual(wide);
    expect(axis.update(-1, 1, 0, 1500)).toEqual(wide);
    const narrow = axis.update(-1, 1, 0, 1600);
    expect((narrow?.high ?? 0) - (narrow?.low ?? 0)).toBeLessThan(4);
  });

  test('a single small moment does not start the wait', () => {
    const axis = new CalmRange({ shrinkAfterMs: 1500 });
    const wide = axis.update(-10, 10, 0, 0);
    axis.update(-1, 1, 0, 100);
    axis.update(-10, 10, 0, 200);
    expect(axis.update(-1, 1, 0, 1700)).toEqual(wide);
  });

  test('no data leave it as it is', () => {
    const axis = new CalmRange();
    const range = axis.update(0, 1, 0, 0);
    expect(axis.update(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 16)).toBe(range);
  });
});
