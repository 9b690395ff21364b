import { expect, test } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { decodeRice, encodeRice, riceBound } from './rice.ts';

function pack(codes: Int16Array): Uint8Array {
  const bytes = new Uint8Array(riceBound(codes.length));
  return bytes.slice(0, encodeRice(codes, bytes, 0));
}

function unpack(bytes: Uint8Array, n: number): Int16Array {
  const codes = new Int16Array(n);
  expect(decodeRice(bytes, 0, codes)).toBe(bytes.length);
  return codes;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

test('golden bytes', () => {
  // 16 bits 0x0005; k 0; differences +1 -1 0 → u 2 1 0 → 110 10 0; zeros.
  expect(hex(pack(Int16Array.of(5, 6, 5, 5)))).toBe('00050d00');
  expect(hex(pack(Int16Array.of(-1)))).toBe('ffff');
  expect(hex(pack(new Int16Array(0)))).toBe('');
  // +1000 → u 2000 = 0x7d0; best k 10: one 1, a zero, 10 bits 1111010000.
  expect(hex(pack(Int16Array.of(0, 1000)))).toBe('0000abd0');
});

test('the largest differences wrap and the escape holds them', () => {
  const codes = Int16Array.of(-32768, 32767, -32768, 0, 0, 0, 12345, -12345);
  expect(unpack(pack(codes), codes.length)).toEqual(codes);
  // A block of zeros with one far value: k 0, so the far one needs the escape.
  const spike = new Int16Array(65);
  spike[30] = 20_000;
  expect(unpack(pack(spike), 65)).toEqual(spike);
});

test('what is packed comes back, whatever it is, at any length and position', () => {
  const random = seededRandom(1);
  for (let round = 0; round < 2000; round++) {
    const codes = new Int16Array(random.below(300));
    const width = 2 ** random.below(17);
    let code = random.below(65_536) - 32_768;
    for (let i = 0; i < codes.length; i++) {
      code += random.below(width) - width / 2;
      codes[i] = code;
    }
    const at = random.below(9);
    const bytes = new Uint8Array(at + riceBound(codes.length) + 8);
    const length = encodeRice(codes, bytes, at);
    expect(length).toBeLessThanOrEqual(riceBound(codes.length));
    const back = new Int16Array(codes.length);
    expect(decodeRice(bytes, at, back)).toBe(length);
    expect(back).toEqual(codes);
  }
});

test('cut anywhere, it is malformed: no value is made up', () => {
  const codes = Int16Array.from({ length: 200 }, (_, i) => Math.round(1000 * Math.sin(i / 7)));
  const bytes = pack(codes);
  for (let length = 0; length < bytes.length; length++)
    expect(() => decodeRice(bytes.subarray(0, length), 0, new Int16Array(200)), `${length}`).toThrow('ends after');
});

test('336 a smooth signal takes a tenth of its JSON', () => {
  const random = seededRandom(3);
  const codes = Int16Array.from({ length: 1000 }, (_, i) => Math.round(8000 * Math.sin(i / 80) + 12 * random.normal()));
  const json = JSON.stringify(Array.from(codes, (code) => code * 0.0001)).length;
  expect(pack(codes).length / json).toBeLessThan(0.1);
});

test.each([250, 500, 1000])('303 a second of a heart at %i Hz, with noise, takes a fifth of its JSON', (rateHz) => {
  const random = seededRandom(rateHz);
  const codes = Int16Array.from({ length: rateHz }, (_, i) => {
    const beat = ((i / rateHz) * 1.2) % 1;
    return Math.round(
      1100 * Math.exp(-(((beat - 0.3) / 0.012) ** 2)) +
        280 * Math.exp(-(((beat - 0.55) / 0.05) ** 2)) +
        3 * random.normal(),
    );
  });
  const json = JSON.stringify(Array.from(codes, (code) => code / 1000)).length;
  const back = new Int16Array(rateHz);
  decodeRice(pack(codes), 0, back);
  expect(back).toEqual(codes);
  expect(pack(codes).length / json).toBeLessThan(0.2);
});

test('bytes that are none never hang, throw anything else, or read outside', () => {
  const random = seededRandom(2);
  const codes = new Int16Array(500);
  for (let round = 0; round < 20_000; round++) {
    const bytes = Uint8Array.from({ length: random.below(64) }, () => random.below(256));
    try {
      expect(decodeRice(bytes, 0, codes)).toBeLessThanOrEqual(bytes.length);
    } catch (error) {
      expect(error).toMatchObject({ code: 'protocol.malformed' });
    }
  }
});
