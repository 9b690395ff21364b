import { expect, test } from 'vitest';
import { LatestValues } from './latest-values.ts';

test('paints at once, then only what changed, and the newest only', () => {
  const values = new LatestValues();
  values.set('a', 1, 10n);
  const seen: string[] = [];
  const stop = values.attach('a', (latest) => seen.push(`a ${latest?.value}`));
  values.attach('b', (latest) => seen.push(`b ${latest?.value}`));
  expect(seen).toEqual(['a 1', 'b undefined']);
  values.paint();
  seen.length = 0;
  values.set('a', 2, 11n);
  values.set('a', 3, 12n);
  values.paint();
  values.paint();
  expect(seen).toEqual(['a 3']);
  stop();
  values.set('a', 4, 13n);
  values.paint();
  expect(seen).toEqual(['a 3']);
  expect(values.get('a')).toEqual({ value: 4, timeNs: 13n });
});

test('a channel that is gone is shown as missing', () => {
  const values = new LatestValues();
  const seen: (number | undefined)[] = [];
  values.set('a', 1, 1n);
  values.set('b', 2, 1n);
  values.attach('a', (latest) => seen.push(latest?.value));
  values.keep(new Set(['b']));
  expect(seen).toEqual([1, undefined]);
  expect(values.get('b')?.value).toBe(2);
});
