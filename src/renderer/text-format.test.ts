import { describe, expect, test } from 'vitest';
import {
  fileName,
  formatAgo,
  formatBytes,
  formatCount,
  formatDate,
  formatDuration,
  formatElapsed,
  formatHz,
  formatLeft,
  formatRate,
  msOf,
  plural,
} from './text-format.ts';

describe('sizes, rates and counts', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [999_999, '1.00 MB'],
    [1.28e9, '1.28 GB'],
    [412e9, '412 GB'],
  ])('%d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
  test.each([
    [0, '0 S/s'],
    [158.123, '158.1 S/s'],
    [812_400, '812.4 kS/s'],
    [1e6, '1.000 MS/s'],
  ])('%d samples a second', (rate, text) => expect(formatRate(rate)).toBe(text));
  test.each([
    [0, '–'],
    [2.4, '2.4 /s'],
    [1000, '1.00 kS/s'],
  ])('%d Hz', (rate, text) => expect(formatHz(rate)).toBe(text));
  test('counts', () => {
    expect(formatCount(0)).toBe('0');
    expect(formatCount(2534)).toBe('2\u202f534');
    expect(formatCount(49.2e6)).toBe('49.2 M');
    expect(plural(1, 'channel')).toBe('1 channel');
    expect(plural(0, 'channel')).toBe('0 channels');
  });
});

describe('times', () => {
  test.each([
    [0.012, '12 ms'],
    [9.8, '9.8 s'],
    [362, '6 min 02 s'],
    [49_200, '13 h 40 min'],
    [200_000, '2 d 7 h'],
    [Number.NaN, '–'],
  ])('duration %d', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
  test.each([
    [null, '–'],
    [59, '59 s'],
    [3599, '59 min'],
    [9.2 * 86_400, '9 d'],
    [1e12, '> 2 years'],
  ])('left %s', (seconds, text) => expect(formatLeft(seconds)).toBe(text));
  test('elapsed keeps its width', () => {
    expect(formatElapsed(2537)).toBe('00:42:17');
    expect(formatElapsed(-1)).toBe('00:00:00');
    expect(formatElapsed(360_000)).toBe('100:00:00');
  });
  test('of the contract, to the millisecond', () => expect(msOf('1700000000123456789')).toBe(1_700_000_000_123));
  test('dates name the year only if it is another one', () => {
    const now = new Date(2026, 10, 20, 14, 12).getTime();
    expect(formatDate(now, now)).toBe('20 Nov 14:12');
    expect(formatDate(new Date(2025, 0, 2, 3, 4).getTime(), now)).toBe('2 Jan 2025 03:04');
  });
  test('the name of a file of either system', () => {
    expect(fileName('/data/recordings/a b.mcap')).toBe('a b.mcap');
    expect(fileName('C:\\data\\a.mcap')).toBe('a.mcap');
  });
  test('ago', () => {
    expect(formatAgo(1000, 2000)).toBe('just now');
    expect(formatAgo(0, 12_000)).toBe('12 s ago');
  });
});
