import { expect, it } from 'vitest';
import { seededRandom } from '../core/seeded-random.ts';
import { XdrReader, XdrWriter, xdrBool, xdrInt, xdrOpaque, xdrString, xdrStruct, xdrUint } from './xdr.ts';

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const bytes = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll(' ', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

it('writes the example of RFC 4506 7: a file as XDR has it', () => {
  const writer = new XdrWriter(4);
  writer.string('sillyprog');
  writer.uint(2);
  writer.string('lisp');
  writer.string('john');
  writer.opaque(new TextEncoder().encode('(quit)'));
  expect(hex(writer.bytes)).toBe(
    '0000000973696c6c7970726f6700000000000002000000046c697370000000046a6f686e0000000628717569742900' + '00',
  );
  const reader = new XdrReader(writer.bytes);
  expect(reader.string(255)).toBe('sillyprog');
  expect(reader.uint()).toBe(2);
  expect(reader.string(255)).toBe('lisp');
  expect(reader.string(255)).toBe('john');
  expect(new TextDecoder().decode(reader.opaque(65_535))).toBe('(quit)');
  expect(reader.left).toBe(0);
});

it('keeps the sign of an int and the range of an uint', () => {
  const writer = new XdrWriter();
  writer.int(-1);
  writer.uint(0xffff_ffff);
  writer.bool(true);
  expect(hex(writer.bytes)).toBe('ffffffffffffffff00000001');
  const reader = new XdrReader(writer.bytes);
  expect([reader.int(), reader.uint(), reader.bool()]).toEqual([-1, 4_294_967_295, true]);
});

it('refuses what ends too early or is too long; a padding missing at the very end is forgiven', () => {
  expect(() => new XdrReader(bytes('000000')).uint()).toThrow(/left/);
  expect(() => new XdrReader(bytes('00000005 6162')).opaque(100)).toThrow(/left/);
  expect(() => new XdrReader(bytes('ffffffff')).opaque(100)).toThrow(/at most 100/);
  const short = new XdrReader(bytes('00000001 61'));
  expect(short.string(10)).toBe('a');
  expect(short.left).toBe(0);
});

it('gives back what it wrote, or an error, never anything else (10,000 random structures and cuts)', () => {
  const type = xdrStruct<{ a: number; b: boolean; c: Uint8Array; d: number; e: string }>({
    a: xdrInt,
    b: xdrBool,
    c: xdrOpaque(64),
    d: xdrUint,
    e: xdrString(64),
  });
  const random = seededRandom(7);
  for (let round = 0; round < 10_000; round++) {
    const value = {
      a: random.below(0x1_0000_0000) - 0x8000_0000,
      b: random.below(2) === 1,
      c: Uint8Array.from({ length: random.below(9) }, () => random.below(256)),
      d: random.below(0x1_0000_0000),
      e: 'x'.repeat(random.below(9)),
    };
    const writer = new XdrWriter(random.below(8));
    type.write(writer, value);
    expect(writer.bytes.length % 4).toBe(0);
    expect(type.read(new XdrReader(writer.bytes))).toEqual(value);
    const cut = writer.bytes.subarray(0, random.below(writer.bytes.length - 3));
    const last = value.e.length === 0 ? 4 : value.e.length + 4;
    if (cut.length < writer.bytes.length - ((last + 3) & ~3)) expect(() => type.read(new XdrReader(cut))).toThrow();
  }
});
