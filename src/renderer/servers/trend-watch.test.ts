import { expect, test } from 'vitest';
import { joinTrends } from './trend-watch.ts';

const trend = (t: number[]) => ({
  stepS: 1,
  t,
  lost: t.map(() => 0),
  latencyMs: t,
  saved: t.map(() => null),
  bytesPerS: t,
});

test('348 new points follow the known ones; what is older than the span goes', () => {
  const joined = joinTrends(trend([1000, 2000, 3000]), trend([4000, 5000]), 3000);
  expect(joined).toEqual(trend([2000, 3000, 4000, 5000]));
  expect(joinTrends(trend([]), trend([]), 3000)).toEqual(trend([]));
});
