import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { CHECKSUMS, checksumOf } from './frame-checksum.ts';
import { frameFields } from './frame-fields.ts';
import { type FrameOptions, FrameSplitter } from './frame-splitter.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (data: Uint8Array): string => Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');
const latin1 = (data: Uint8Array): string => String.fromCharCode(...data);
const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

describe('checksums', () => {
  it.each([
    ['xor-8', '31'],
    ['mod-256', 'dd'],
    ['crc-8', 'f7'],
    ['crc-16', 'bb3d'],
    ['crc-16-modbus', '4b37'],
    ['crc-16-ccitt', '29b1'],
    ['crc-32', 'cbf43926'],
    ['fletcher-16', '1ede'],
    ['adler-32', '091e01de'],
  ] as const)('%s of 123456789 is %s', (name, check) => {
    expect(hex(checksumOf(name, bytes('123456789')))).toBe(check);
  });
});

/** Pushes in pieces of `size`. */
function split(
  options: Partial<FrameOptions>,
  data: Uint8Array,
  size = data.length,
): { frames: string[]; malformed: number } {
  const frames: string[] = [];
  const splitter = new FrameSplitter({
    mode: 'start-end',
    start: bytes('/*'),
    end: bytes('*/'),
    checksum: 'none',
    ...options,
    onFrame: (payload) => frames.push(latin1(payload)),
  });
  for (let at = 0; at < data.length; at += size) splitter.push(data.subarray(at, at + size));
  return { frames, malformed: splitter.malformed };
}

describe('frames', () => {
  it.each([1, 2, 3, 100])('start and end, %i bytes at a time', (size) => {
    const data = bytes('noise*//*1,2*//*3,4*/rest/*5');
    expect(split({}, data, size)).toEqual({ frames: ['1,2', '3,4'], malformed: 0 });
  });

  it('a frame that lost its end does not take the next one along', () => {
    expect(split({}, bytes('/*1,2/*3,4*/'))).toEqual({ frames: ['3,4'], malformed: 1 });
  });

  it.each([1, 4, 100])('end only, the first half frame dropped, %i bytes at a time', (size) => {
    const data = bytes('f;1,2;3,4;;5');
    expect(split({ mode: 'end', end: bytes(';') }, data, size)).toEqual({ frames: ['1,2', '3,4'], malformed: 0 });
  });

  it.each([1, 5, 100])('start only, %i bytes at a time', (size) => {
    expect(split({ mode: 'start', start: bytes('$') }, bytes('x$1,2$3,4$'), size)).toEqual({
      frames: ['1,2', '3,4'],
      malformed: 0,
    });
  });

  it('no marks: each read is a frame', () => {
    expect(split({ mode: 'none' }, bytes('1,23,4'), 3)).toEqual({ frames: ['1,2', '3,4'], malformed: 0 });
  });

  it.each(CHECKSUMS)('%s right and wrong, one byte at a time', (checksum) => {
    const frame = (text: string, spoil = 0): Uint8Array => {
      const sum = checksumOf(checksum, bytes(text)).map((byte) => byte ^ spoil);
      return join(bytes('/*'), bytes(text), bytes('*/'), sum);
    };
    const data = join(frame('1,2'), frame('3,4', 0x55), frame('5,6'));
    const expected =
      checksum === 'none' ? { frames: ['1,2', '3,4', '5,6'], malformed: 0 } : { frames: ['1,2', '5,6'], malformed: 1 };
    expect(split({ checksum }, data)).toEqual(expected);
    expect(split({ checksum }, data, 1)).toEqual(expected);
  });

  it('a frame without end is dropped at the limit, and reading goes on', () => {
    const data = join(bytes('/*'), new Uint8Array(5000).fill(0x31), bytes('*//*7*/'));
    expect(split({ maxFrameBytes: 1000 }, data, 64)).toEqual({ frames: ['7'], malformed: 1 });
    const lines = join(bytes('0;'), new Uint8Array(5000).fill(0x31), bytes(';7;'));
    expect(split({ mode: 'end', end: bytes(';'), maxFrameBytes: 1000 }, lines, 64).frames).toEqual(['7']);
  });

  it('survives any bytes, and finds whole frames after them', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 300; round++) {
      const noise = Uint8Array.from({ length: random.below(200) }, () => random.below(256));
      const sum = checksumOf('crc-16', bytes('42'));
      const data = join(noise, bytes('*//*'), bytes('42'), bytes('*/'), sum, bytes('/*42*/'), sum);
      const { frames } = split({ checksum: 'crc-16' }, data, 1 + random.below(40));
      expect(frames.at(-1)).toBe('42');
    }
  });
});

describe('fields', () => {
  it('text, hex, base64 and binary', () => {
    expect(frameFields(bytes('1, -2.5e3,x'), { encoding: 'text' })).toEqual([1, -2500, Number.NaN]);
    expect(frameFields(bytes('a;b'), { encoding: 'text', separator: ';' })).toBeUndefined();
    expect(frameFields(bytes('01 ff'), { encoding: 'hex' })).toEqual([1, 255]);
    expect(frameFields(bytes('01f'), { encoding: 'hex' })).toBeUndefined();
    expect(frameFields(bytes('AP8='), { encoding: 'base64' })).toEqual([0, 255]);
    expect(frameFields(bytes('A-8='), { encoding: 'base64' })).toBeUndefined();
    const layout = ['u8', 'i16le', 'u16be', 'f32le'] as const;
    const packed = Uint8Array.of(7, 0xfe, 0xff, 1, 2, 0, 0, 0x20, 0x41);
    expect(frameFields(packed, { encoding: 'binary', layout })).toEqual([7, -2, 258, 10]);
    expect(frameFields(packed.subarray(1), { encoding: 'binary', layout })).toBeUndefined();
  });
});
