import { expect, test } from 'vitest';
import { NumberScanner } from './number-scanner.ts';

function scan(text: string): { value: number; rest: string } {
  const scanner = new NumberScanner();
  const value = scanner.scan(new TextEncoder().encode(`${text}\n`), 0);
  return { value, rest: text.slice(scanner.at) };
}

test.each([
  '0',
  '-0',
  '+1',
  '1.',
  '.5',
  '-.25',
  '00012',
  '3.14159',
  '1e5',
  '1E-5',
  '-1.5e+3',
  '9007199254740993',
  '0.1',
  '123456789012345',
  '1234567890123456',
  '0.30000000000000004',
  '2.2250738585072014e-308',
  '5e-324',
  '1e400',
  '-1e400',
  '1e23',
  '8.5e22',
  '9.9E37',
  '1.7976931348623157e308',
  '0.000000000000000000000000001',
  '123456789.123456789',
])('%s like Number()', (text) => {
  const { value, rest } = scan(text);
  expect(rest).toBe('');
  expect(Object.is(value, Number(text))).toBe(true);
});

test.each([
  ['', ''],
  ['-', '-'],
  ['.', '.'],
  ['e5', 'e5'],
  ['+.', '+.'],
  ['x1', 'x1'],
])('%j is no number', (text, rest) => {
  expect(scan(text)).toEqual({ value: Number.NaN, rest });
});

test.each([
  ['1.2,3', 1.2, ',3'],
  ['5V', 5, 'V'],
  ['1e', 1, 'e'],
  ['1e+', 1, 'e+'],
  ['1.2.3', 1.2, '.3'],
  ['1-2', 1, '-2'],
])('%j stops where the number ends', (text, value, rest) => {
  expect(scan(text)).toEqual({ value, rest });
});

test('200,000 random numbers are bit-equal to Number()', () => {
  let seed = 42;
  const next = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 4_294_967_296;
  };
  const scanner = new NumberScanner();
  const bytes = new Uint8Array(64);
  const encoder = new TextEncoder();
  let checked = 0;
  for (let round = 0; round < 200_000; round++) {
    const number = (next() - 0.5) * 10 ** Math.floor(next() * 40 - 20);
    const style = Math.floor(next() * 5);
    const text =
      style === 0
        ? String(number)
        : style === 1
          ? number.toFixed(Math.floor(next() * 12))
          : style === 2
            ? number.toExponential(Math.floor(next() * 18))
            : style === 3
              ? number.toPrecision(1 + Math.floor(next() * 20))
              : `${Math.floor(next() * 1e9)}.${Math.floor(next() * 1e9)}e${Math.floor(next() * 60 - 30)}`;
    const { written } = encoder.encodeInto(text, bytes);
    bytes[written] = 10;
    const value = scanner.scan(bytes, 0);
    if (!Object.is(value, Number(text)) || scanner.at !== written) expect.fail(`${text} read as ${value}`);
    checked++;
  }
  expect(checked).toBe(200_000);
});
