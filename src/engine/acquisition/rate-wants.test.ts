import { expect, test } from 'vitest';
import { RateWants } from './rate-wants.ts';

test('the highest want of a channel counts, and what changed is said', () => {
  const wants = new RateWants();
  expect(wants.set(1, 1, ['a', 'b'], 10)).toEqual(['a', 'b']);
  expect(wants.set(2, 1, ['b'], 50)).toEqual(['b']);
  expect([wants.of('a'), wants.of('b'), wants.of('c')]).toEqual([10, 50, 0]);
  expect(wants.set(2, 1, undefined, 50)).toEqual([]);
  expect(wants.set(2, 1, undefined, 5)).toEqual(['b', 'b']);
  expect(wants.of('b')).toBe(10);
  expect(wants.set(1, 1, ['c'])).toEqual(['a', 'b', 'c']);
  expect([wants.of('a'), wants.of('c')]).toEqual([0, 10]);
});

test('a watch without a want is known and changes nothing', () => {
  const wants = new RateWants();
  expect(wants.set(1, 7, ['a'], 0)).toEqual([]);
  expect([wants.has(1, 7), wants.has(1, 8)]).toEqual([true, false]);
  expect(wants.drop(1, 7)).toEqual([]);
});

test('a screen takes its own wants with it and no others', () => {
  const wants = new RateWants();
  wants.set(1, 1, ['a'], 10);
  wants.set(1, 2, ['b'], 20);
  wants.set(11, 1, ['a'], 5);
  expect(wants.dropScreen(1)).toEqual(['a', 'b']);
  expect([wants.of('a'), wants.of('b')]).toEqual([5, 0]);
});
