import { expect, test } from 'vitest';
import { crc32 } from './crc.ts';

const text = (value: string) => new TextEncoder().encode(value);

test.each([
  ['', 0],
  ['123456789', 0xcbf43926],
  ['The quick brown fox jumps over the lazy dog', 0x414fa339],
])('CRC-32 of %j', (input, crc) => {
  expect(crc32(text(input))).toBe(crc);
});

/** Straight from the polynomial, bit by bit. */
function slowCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test('eight at a time equals bit by bit, at every length and offset', () => {
  const bytes = Uint8Array.from({ length: 80 }, (_, i) => (i * 197 + 31) & 255);
  for (let start = 0; start < 9; start++) {
    for (let end = start; end <= 80; end++) {
      expect(crc32(bytes, start, end)).toBe(slowCrc(bytes.subarray(start, end)));
    }
  }
});
