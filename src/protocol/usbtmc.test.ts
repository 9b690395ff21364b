import { describe, expect, it } from 'vitest';
import { seededRandom } from '../core/seeded-random.ts';
import {
  decodeBulkOut,
  decodeCapabilities,
  decodeMessageIn,
  decodeNotification,
  encodeCapabilities,
  encodeMessageIn,
  encodeMessageOut,
  encodeNotification,
  encodeRequestIn,
  encodeTrigger,
  nextBulkTag,
  nextStatusTag,
} from './usbtmc.ts';
import { type BulkOutPiece, UsbtmcOutDecoder } from './usbtmc-out-decoder.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (data: Uint8Array): string => [...data].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

describe('bulk headers, byte by byte', () => {
  it('DEV_DEP_MSG_OUT: size without the padding, EOM, zeros to a multiple of four', () => {
    // USBTMC 1.0 table 3: *IDN? with its line end, 6 bytes, in one transfer.
    expect(hex(encodeMessageOut(0x01, bytes('*IDN?\n'), true))).toBe(
      '01 01 fe 00 06 00 00 00 01 00 00 00 2a 49 44 4e 3f 0a 00 00',
    );
    expect(hex(encodeMessageOut(0xff, bytes('ABCD'), false))).toBe('01 ff 00 00 04 00 00 00 00 00 00 00 41 42 43 44');
  });

  it('REQUEST_DEV_DEP_MSG_IN, with and without TermChar', () => {
    expect(hex(encodeRequestIn(2, 1024))).toBe('02 02 fd 00 00 04 00 00 00 00 00 00');
    expect(hex(encodeRequestIn(3, 0x01020304, 10))).toBe('02 03 fc 00 04 03 02 01 02 0a 00 00');
  });

  it('DEV_DEP_MSG_IN and TRIGGER', () => {
    expect(hex(encodeMessageIn(7, bytes('1\n'), { end: true, isTermChar: true }))).toBe(
      '02 07 f8 00 02 00 00 00 03 00 00 00 31 0a',
    );
    expect(hex(encodeTrigger(9))).toBe('80 09 f6 00 00 00 00 00 00 00 00 00');
    expect(decodeMessageIn(encodeMessageIn(7, bytes('1\n'), { end: false, isTermChar: true }))).toEqual({
      tag: 7,
      size: 2,
      end: false,
      isTermChar: true,
    });
    expect(decodeMessageIn(new Uint8Array(11))).toBeUndefined();
  });

  it('refuses a tag that does not fit its inverse, tag 0, and what is no answer', () => {
    const answer = encodeMessageIn(7, bytes('1'), { end: true, isTermChar: false });
    for (const [index, value] of [
      [2, 0],
      [1, 0],
      [0, 3],
    ] as const) {
      const broken = answer.slice();
      broken[index] = value;
      if (index === 1) broken[2] = 0xff;
      expect(() => decodeMessageIn(broken)).toThrowError(expect.objectContaining({ code: 'protocol.malformed' }));
    }
    const empty = encodeMessageOut(5, new Uint8Array(0), true);
    expect(() => decodeBulkOut(empty)).toThrowError(/no bytes/);
  });

  it('tags go round without 0; those of the status byte from 2 to 127', () => {
    let tag = 1;
    const seen = new Set<number>();
    for (let count = 0; count < 600; count++) {
      tag = nextBulkTag(tag);
      seen.add(tag);
    }
    expect([seen.size, seen.has(0)]).toEqual([255, false]);
    seen.clear();
    for (let count = 0; count < 600; count++) {
      tag = nextStatusTag(tag);
      seen.add(tag);
    }
    expect([Math.min(...seen), Math.max(...seen), seen.size]).toEqual([2, 127, 126]);
  });
});

it('capabilities: 24 bytes of table 37 and USB488 table 8', () => {
  const all = {
    hasIndicatorPulse: true,
    isTalkOnly: false,
    isListenOnly: false,
    hasTermChar: true,
    is4882: true,
    hasRemoteLocal: true,
    hasTrigger: true,
    isScpi: true,
  };
  expect(hex(encodeCapabilities(all))).toBe('01 00 00 01 04 01 00 00 00 00 00 00 00 01 07 0f 00 00 00 00 00 00 00 00');
  expect(decodeCapabilities(encodeCapabilities(all))).toEqual(all);
  // A device of before USB488 that sends fewer bytes.
  expect(decodeCapabilities(Uint8Array.of(1, 0, 0, 1, 0, 1))).toMatchObject({ hasTermChar: true, hasTrigger: false });
  expect(() => decodeCapabilities(Uint8Array.of(1))).toThrowError(/1 bytes/);
});

it('notifications: service request, status byte by its tag, and what is neither', () => {
  expect(decodeNotification(Uint8Array.of(0x81, 0x60))).toEqual({ kind: 'service-request', statusByte: 0x60 });
  expect(decodeNotification(Uint8Array.of(0x85, 0x10))).toEqual({ kind: 'status-byte', tag: 5, statusByte: 0x10 });
  for (const other of [[0x40, 1], [0x80, 1], [0x81], []]) {
    expect(decodeNotification(Uint8Array.from(other))).toBeUndefined();
  }
  expect(hex(encodeNotification({ kind: 'status-byte', tag: 127, statusByte: 1 }))).toBe('ff 01');
});

describe('the receiving half of a device', () => {
  const take = (decoder: UsbtmcOutDecoder): BulkOutPiece[] => {
    const pieces: BulkOutPiece[] = [];
    for (let piece = decoder.take(); piece; piece = decoder.take()) {
      pieces.push(piece.kind === 'data' ? { ...piece, bytes: piece.bytes.slice() } : piece);
    }
    return pieces;
  };

  it('two transfers in one chunk, and one a byte at a time', () => {
    const decoder = new UsbtmcOutDecoder();
    decoder.push(new Uint8Array([...encodeMessageOut(1, bytes('*IDN?'), true), ...encodeRequestIn(2, 100, 10)]));
    expect(take(decoder)).toEqual([
      { kind: 'data', tag: 1, bytes: bytes('*IDN?'), end: true },
      { kind: 'request', tag: 2, max: 100, termChar: 10 },
    ]);
    let text = '';
    let ends = 0;
    for (const byte of encodeMessageOut(3, bytes('VOLT 5'), true)) {
      decoder.push(Uint8Array.of(byte));
      for (const piece of take(decoder)) {
        if (piece.kind !== 'data') continue;
        text += new TextDecoder().decode(piece.bytes);
        if (piece.end) ends++;
      }
    }
    expect([text, ends, decoder.openTag]).toEqual(['VOLT 5', 1, undefined]);
  });

  it('says which transfer has begun, and forgets it when cleared', () => {
    const decoder = new UsbtmcOutDecoder();
    decoder.push(encodeMessageOut(44, bytes('0123456789'), true).subarray(0, 16));
    expect(take(decoder)).toMatchObject([{ kind: 'data', end: false }]);
    expect(decoder.openTag).toBe(44);
    decoder.clear();
    expect(decoder.openTag).toBeUndefined();
    decoder.push(encodeTrigger(45));
    expect(take(decoder)).toEqual([{ kind: 'trigger', tag: 45 }]);
  });

  it('whatever comes: pieces, or protocol.malformed; all that was sent whole is given whole', () => {
    const random = seededRandom(4882);
    for (let round = 0; round < 300; round++) {
      const decoder = new UsbtmcOutDecoder();
      const messages = Array.from({ length: 5 }, () =>
        Uint8Array.from({ length: 1 + random.below(200) }, () => random.below(256)),
      );
      const stream = new Uint8Array(
        messages.flatMap((message, index) => [...encodeMessageOut(index + 1, message, true)]),
      );
      const isSpoiled = round % 3 === 0;
      if (isSpoiled) stream[random.below(stream.length)] = random.below(256);
      const parts: number[][] = [[]];
      try {
        for (let at = 0; at < stream.length; ) {
          const size = 1 + random.below(90);
          decoder.push(stream.subarray(at, at + size));
          at += size;
          for (const piece of take(decoder)) {
            if (piece.kind !== 'data') continue;
            parts.at(-1)?.push(...piece.bytes);
            if (piece.end) parts.push([]);
          }
        }
        if (!isSpoiled) expect(parts.slice(0, -1)).toEqual(messages.map((message) => [...message]));
      } catch (error) {
        expect(isSpoiled).toBe(true);
        expect(error).toMatchObject({ code: expect.stringMatching(/^protocol\.(malformed|too-long)$/) });
      }
    }
  });
});
