import { expect, test } from 'vitest';
import { readSize, sizeText } from './size-text.ts';

test.each([
  [2 * 1024 ** 3, '2 GiB'],
  [256 * 1024 ** 2, '256 MiB'],
  [2e9, '2 GB'],
  [1_500_000, '1.5 MB'],
  [0, '0 B'],
])('%i bytes are %s, and read back the same', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
  expect(readSize(text, 0)).toEqual({ ok: true, value: bytes });
});

test.each([
  ['500M', 500e6],
  ['0', 0],
  ['1,5 gb', 1.5e9],
  ['1 500 MB', 1.5e9],
])('%s is read', (text, value) => {
  expect(readSize(text, 0)).toEqual({ ok: true, value });
});

test.each(['', 'much', '500', '-1 GB', '1 PB', '1e3 MB'])('“%s” is refused', (text) => {
  expect(readSize(text, 0).ok).toBe(false);
});

test('too little names the least', () => {
  expect(readSize('10 kB', 1e6)).toEqual({ ok: false, reason: 'At least 1 MB.' });
});

test('too much names the most', () => {
  expect(readSize('20 GB', 1e4, 1e10)).toEqual({ ok: false, reason: 'At most 10 GB.' });
});
