import { expect, test } from 'vitest';
import { readSweepValues } from './sweep-values.ts';

test.each([
  ['0 … 1 in 11', [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]],
  ['5..1 in 5', [5, 4, 3, 2, 1]],
  ['0 to 100m in 3', [0, 0.05, 0.1]],
  ['1 2, 5; 10', [1, 2, 5, 10]],
  ['3v3', [3.3]],
])('%s', (text, values) => {
  expect(readSweepValues(text, 'V')).toEqual({ ok: true, values });
});

test.each(['', '0 … 5 in 1', '0 … 5 in 99999', 'x', '1 … y in 3'])('%j is refused', (text) => {
  expect(readSweepValues(text, 'V').ok).toBe(false);
});
