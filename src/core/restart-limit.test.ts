import { expect, test } from 'vitest';
import { RestartLimit } from './restart-limit.ts';

test('restarts at once, then with growing pauses, then gives up', () => {
  const restarts = new RestartLimit({ limit: 4, windowMs: 1000 });
  expect([0, 10, 20, 30, 40].map((nowMs) => restarts.next(nowMs))).toEqual([0, 250, 500, 1000, undefined]);
});

test('forgets what is older than its window', () => {
  const restarts = new RestartLimit({ limit: 1, windowMs: 1000 });
  expect(restarts.next(0)).toBe(0);
  expect(restarts.next(999)).toBeUndefined();
  expect(restarts.next(2500)).toBe(0);
});

test('a person may ask for another try', () => {
  const restarts = new RestartLimit({ limit: 1 });
  restarts.next(0);
  expect(restarts.next(1)).toBeUndefined();
  restarts.reset();
  expect(restarts.next(2)).toBe(0);
});
