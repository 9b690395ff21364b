import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { COMMA, NUMBER_BYTES, POINT, writeNumber, writePadded } from './number-text.ts';

const bytes = new Uint8Array(NUMBER_BYTES);

function text(value: number, isFloat32 = false, point = POINT): string {
  return String.fromCharCode(...bytes.subarray(0, writeNumber(bytes, 0, value, isFloat32, point)));
}

/** Fewest digits of which some decimal of that many gives the same Float32 back; by trying all counts. */
function fewestDigits(value: number): number {
  for (let digits = 1; digits < 9; digits++)
    if (Math.fround(Number(value.toPrecision(digits))) === value) return digits;
  return 9;
}

function significant(decimal: string): number {
  return decimal.replace(/e.*|[-.]/g, '').replace(/^0+|0+$/g, '').length;
}

describe('numbers as bytes', () => {
  it('are what String says, for numbers of every size', () => {
    const random = seededRandom(41);
    const words = new Uint32Array(2);
    const value = new Float64Array(words.buffer);
    for (let count = 0; count < 100_000; count++) {
      words[0] = random.below(0x1_0000_0000);
      words[1] = random.below(0x1_0000_0000);
      const number = value[0] ?? 0;
      if (Number.isFinite(number) && text(number) !== String(number))
        throw new Error(`${number} became ${text(number)}`);
    }
  });

  it('are what String says, for numbers as instruments give them and their neighbours', () => {
    const random = seededRandom(42);
    const words = new Uint32Array(2);
    const value = new Float64Array(words.buffer);
    for (let count = 0; count < 100_000; count++) {
      const digits = random.below(17) + 1;
      const scale = 10 ** (random.below(40) - 20);
      value[0] = Number(((random.next() - 0.5) * scale).toPrecision(digits));
      words[0] = ((words[0] ?? 0) + random.below(3) - 1) >>> 0;
      const number = value[0];
      if (text(number) !== String(number)) throw new Error(`${number} became ${text(number)}`);
    }
  });

  it('keep edges: powers of two and ten, whole numbers, subnormal ones, minus zero', () => {
    for (let power = -1074; power < 1024; power++) {
      for (const number of [2 ** power, -(2 ** power), 2 ** power * (1 + Number.EPSILON)])
        expect(text(number)).toBe(String(number));
    }
    for (let power = -323; power <= 308; power++) {
      const ten = Number(`1e${power}`);
      for (const number of [ten, ten * (1 - Number.EPSILON / 2), ten * (1 + Number.EPSILON), ten * 9.999999999999998])
        if (Number.isFinite(number)) expect(text(number)).toBe(String(number));
    }
    for (const number of [0, 1, 9, 10, 99, 100, 12_345, 999_999_999_999_999, 1e15, 2 ** 53, 2 ** 53 + 2, 1e21, 123e20])
      expect(text(number)).toBe(String(number));
    expect(text(-0)).toBe('-0');
    expect(text(Number.MIN_VALUE)).toBe('5e-324');
    expect(text(Number.MAX_VALUE)).toBe('1.7976931348623157e+308');
  });

  it('of Float32 give the same Float32 back with as few digits as any', () => {
    const random = seededRandom(43);
    const bits = new Uint32Array(1);
    const value = new Float32Array(bits.buffer);
    for (let count = 0; count < 60_000; count++) {
      bits[0] = random.below(0x1_0000_0000);
      const number = value[0] ?? 0;
      if (!Number.isFinite(number) || number === 0) continue;
      const written = text(number, true);
      if (Math.fround(Number(written)) !== number || significant(written) > fewestDigits(number))
        throw new Error(`${number} became ${written}`);
    }
    expect(
      [0.1, 1 / 3, 16_777_216, -0.5, 1e-30, 3.4028234663852886e38].map((one) => text(Math.fround(one), true)),
    ).toEqual(['0.1', '0.33333334', '16777216', '-0.5', '1e-30', '3.4028235e+38']);
  });

  it('take the decimal sign asked for, and zeros before', () => {
    expect(text(1234.5, false, COMMA)).toBe('1234,5');
    expect(text(2 ** -9, false, COMMA)).toBe('0,001953125');
    expect(text(1.5e-9, false, COMMA)).toBe('1,5e-9');
    for (const [value, digits] of [
      [0, 9],
      [7, 1],
      [123_456_789, 9],
      [42, 12],
      [9_007_199_254_740_991, 16],
    ] as const) {
      const end = writePadded(bytes, 0, value, digits);
      expect(String.fromCharCode(...bytes.subarray(0, end))).toBe(String(value).padStart(digits, '0'));
    }
  });
});
