import { expect, test } from 'vitest';
import { LatencyHistogram } from '../session/latency-histogram.ts';
import type { SessionStats } from '../session/session.ts';
import { SessionTotals } from './session-totals.ts';

function stats(queries: number, ms: number): SessionStats {
  const latency = new LatencyHistogram();
  for (let count = 0; count < queries; count++) latency.add(ms);
  return {
    queries,
    timeouts: 1,
    lateBytes: 2,
    reopened: 0,
    retries: 3,
    bytesIn: 10,
    bytesOut: 20,
    lastRoundTripMs: ms,
    latency,
  };
}

test('counters go on over connections, and none is counted twice while the next is being opened', () => {
  const totals = new SessionTotals(5n);
  const first = stats(10, 1);
  expect(totals.with(first)).toMatchObject({ sinceNs: 5n, queries: 10, reopened: 0 });
  totals.add(first);
  expect(totals.with(first)).toMatchObject({ queries: 10, timeouts: 1, reopened: 1 });
  const second = stats(5, 8);
  const both = totals.with(second);
  expect(both).toMatchObject({
    queries: 15,
    timeouts: 2,
    retries: 6,
    lateBytes: 4,
    bytesIn: 20,
    bytesOut: 40,
    reopened: 1,
  });
  expect(both.latency.filter((count) => count > 0)).toEqual([10, 5]);
  expect(totals.with(second), 'asking changes nothing').toEqual(both);
});
