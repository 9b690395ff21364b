import { expect, test } from 'vitest';
import { type HealthInput, healthOf } from './health.ts';

const well: HealthInput = {
  state: 'live',
  queries: 1000,
  timeouts: 0,
  retries: 0,
  reopened: 0,
  lateBytes: 0,
  malformed: 0,
  lost: 0,
  rateAskedHz: 10,
  rateGotHz: 9.8,
  p95Ms: 16,
  recentErrors: 0,
};

test('all is well: 100, and no reason', () => {
  expect(healthOf(well)).toEqual({ score: 100, reasons: [] });
});

test.each<[string, Partial<HealthInput>, number, string]>([
  ['no connection', { state: 'reconnecting' }, 0, 'no connection'],
  ['a stranger', { state: 'failed' }, 0, 'another instrument'],
  ['silent', { state: 'silent' }, 30, 'does not answer'],
  ['one in a hundred unanswered', { timeouts: 10 }, 90, '1 % of 1000'],
  ['opened again', { reopened: 2 }, 90, '2 times the connection'],
  ['half the rate', { rateGotHz: 5 }, 85, '5 of 10 rows'],
  ['a meter that measures slowly', { rateGotHz: 2, p95Ms: 512 }, 95, '2 rows a second are all it measures'],
  ['opened again once', { reopened: 1 }, 95, '1 time the connection'],
  ['late bytes', { lateBytes: 20 }, 95, '20 bytes came late'],
  ['slow', { p95Ms: 2048 }, 90, '2048 ms'],
  ['errors', { recentErrors: 3 }, 88, '3 errors'],
  ['bad frames', { malformed: 4 }, 96, '4 lines or frames'],
])('%s', (_, change, score, words) => {
  const health = healthOf({ ...well, ...change });
  expect(health.score).toBe(score);
  expect(health.reasons).toHaveLength(1);
  expect(health.reasons[0]).toContain(words);
});

test('everything at once is never below 0, and every reason is named; few exchanges prove nothing', () => {
  const bad = {
    state: 'silent',
    timeouts: 900,
    retries: 99,
    reopened: 50,
    lost: 10,
    malformed: 10,
    p95Ms: 5000,
    recentErrors: 50,
  } as const;
  const health = healthOf({ ...well, ...bad });
  expect(health.score).toBe(0);
  expect(health.reasons).toHaveLength(8);
  expect(healthOf({ ...well, queries: 5, timeouts: 1 }).reasons).toEqual([]);
});
