import { expect, it } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { PackedColumn, packColumn } from './packed-column.ts';

function roundTrip(values: readonly number[]): { found: number[]; bytes: number } {
  const bytes = packColumn(values);
  const { column, end } = PackedColumn.view(bytes, 0);
  expect(end).toBe(bytes.byteLength);
  expect(bytes.byteLength % 8).toBe(0);
  return { found: Array.from({ length: column.length }, (_, at) => column.at(at)), bytes: bytes.byteLength };
}

it('gives back exactly what was put in, whatever it is', () => {
  const random = seededRandom(1);
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, -1e300, 0.1, 2 ** 53, -(2 ** 52), 2 ** 32];
  for (let round = 0; round < 500; round++) {
    const length = random.below(100);
    const start = (random.below(2 ** 30) - 2 ** 29) * 2 ** random.below(20);
    const step = random.next() < 0.5 ? random.below(1000) : random.next() * 1e6;
    const noise = 2 ** random.below(40);
    const values = Array.from({ length }, (_, at) => start + Math.round(step * at) + random.below(noise));
    if (round % 5 === 0 && length > 0) values[random.below(length)] = odd[random.below(odd.length)]!;
    expect(roundTrip(values).found).toEqual(values);
  }
});

it('takes 24 bytes for a straight line, and one byte each for small deviations', () => {
  expect(roundTrip([]).bytes).toBe(24);
  expect(roundTrip(Array.from({ length: 5000 }, (_, at) => 1e15 + at * 1024)).bytes).toBe(24);
  expect(roundTrip(new Array(5000).fill(0.25)).bytes).toBe(24);
  expect(roundTrip(Array.from({ length: 800 }, (_, at) => at * 1_000_000 + (at % 7))).bytes).toBe(24 + 800);
});

it('refuses bytes that are no column', () => {
  const bytes = packColumn([1, 5, 2, 9000]);
  expect(() => PackedColumn.view(bytes.subarray(0, 20), 0)).toThrow(RangeError);
  expect(() => PackedColumn.view(bytes.subarray(0, bytes.byteLength - 8), 0)).toThrow(RangeError);
  new DataView(bytes.buffer).setUint32(0, 3, true);
  expect(() => PackedColumn.view(bytes, 0)).toThrow(RangeError);
});

it('knows a straight line from what only comes near it', () => {
  const columnOf = (values: number[]): PackedColumn => PackedColumn.view(packColumn(values), 0).column;
  const line = Array.from({ length: 50 }, (_, at) => 7 + at * 64);
  expect(columnOf(line).isLine(64)).toBe(true);
  expect(columnOf(line).isLine(63)).toBe(false);
  expect(columnOf(line.with(20, line[20]! + 1)).isLine(64)).toBe(false);
  expect(columnOf(new Array(50).fill(3)).isLine(0)).toBe(true);
  expect(columnOf([0, 0, 1, 0]).isLine(0)).toBe(false);
});
