import { describe, expect, it } from 'vitest';
import { seededRandom } from '../core/seeded-random.ts';
import { HISLIP } from './hislip.ts';
import { HislipDecoder, type HislipEvent } from './hislip-decoder.ts';
import {
  decodeHislipSize,
  encodeHislip,
  encodeHislipSize,
  readHislipHeader,
  writeHislipHeader,
} from './hislip-header.ts';
import { FIRST_MESSAGE_ID, isMessageIdUpTo, NO_MESSAGE_ID, nextMessageId } from './hislip-message-id.ts';

const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.replace(/\s/g, '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Written out by hand from IVI-6.1: 2.3 (header), Table 4 (types), 6.1, 3.1.2, 6.5, 6.10, 6.13, 6.14. */
const GOLDEN: [string, number, number, number, Uint8Array, string][] = [
  [
    'Initialize 2.0, vendor LW, hislip0',
    HISLIP.initialize,
    0,
    0x02004c57,
    ascii('hislip0'),
    '4853 00 00 02004c57 0000000000000007 6869736c697030',
  ],
  [
    'InitializeResponse 1.0, session 0x1234',
    HISLIP.initializeResponse,
    0,
    0x01001234,
    ascii(''),
    '4853 01 00 01001234 0000000000000000',
  ],
  ['AsyncInitialize', HISLIP.asyncInitialize, 0, 0x1234, ascii(''), '4853 11 00 00001234 0000000000000000'],
  [
    'AsyncMaximumMessageSize of 256 MiB',
    HISLIP.asyncMaximumMessageSize,
    0,
    0,
    encodeHislipSize(0x1000_0000),
    '4853 0f 00 00000000 0000000000000008 0000000010000000',
  ],
  [
    'Data whose question is unknown',
    HISLIP.data,
    0,
    0xffffffff,
    ascii('ab'),
    '4853 06 00 ffffffff 0000000000000002 6162',
  ],
  [
    'DataEND, the first, RMT delivered',
    HISLIP.dataEnd,
    1,
    0xffffff00,
    ascii('*CLS'),
    '4853 07 01 ffffff00 0000000000000004 2a434c53',
  ],
  ['Trigger', HISLIP.trigger, 0, 0xffffff02, ascii(''), '4853 0c 00 ffffff02 0000000000000000'],
  [
    'AsyncStatusQuery before anything was sent',
    HISLIP.asyncStatusQuery,
    0,
    0xfffffefe,
    ascii(''),
    '4853 15 00 fffffefe 0000000000000000',
  ],
  ['AsyncStatusResponse 0x50', HISLIP.asyncStatusResponse, 0x50, 0, ascii(''), '4853 16 50 00000000 0000000000000000'],
  ['AsyncServiceRequest 0x40', HISLIP.asyncServiceRequest, 0x40, 0, ascii(''), '4853 14 40 00000000 0000000000000000'],
  [
    'AsyncLock for 5 s, key bench',
    HISLIP.asyncLock,
    1,
    5000,
    ascii('bench'),
    '4853 04 01 00001388 0000000000000005 62656e6368',
  ],
  ['FatalError, header', HISLIP.fatalError, 1, 0, ascii(''), '4853 02 01 00000000 0000000000000000'],
  ['DeviceClearComplete', HISLIP.deviceClearComplete, 0, 0, ascii(''), '4853 08 00 00000000 0000000000000000'],
  ['AsyncInterrupted', HISLIP.asyncInterrupted, 0, 0xffffff04, ascii(''), '4853 0e 00 ffffff04 0000000000000000'],
  [
    'AsyncStartTLS',
    HISLIP.asyncStartTls,
    0,
    0xfffffefe,
    hex('fffffefe'),
    '4853 1d 00 fffffefe 0000000000000004 fffffefe',
  ],
  [
    'AuthenticationStart',
    HISLIP.authenticationStart,
    0,
    0,
    ascii('PLAIN'),
    '4853 24 00 00000000 0000000000000005 504c41494e',
  ],
];

/** Messages as type, control, parameter and joined payload, pieces put together. */
function joined(events: HislipEvent[]): [number, number, number, number[]][] {
  const messages: [number, number, number, number[]][] = [];
  let held: number[] = [];
  for (const event of events) {
    if (event.kind === 'too-large') continue;
    const { type, control, parameter } = event.header;
    held.push(...(event.kind === 'piece' ? event.bytes : event.payload));
    if (event.kind === 'piece' && !event.isLast) continue;
    messages.push([type, control, parameter, held]);
    held = [];
  }
  return messages;
}

describe('HiSLIP messages', () => {
  it.each(GOLDEN)('%s', (_, type, control, parameter, payload, bytes) => {
    expect(encodeHislip(type, control, parameter, payload)).toEqual(hex(bytes));
    expect(joined(new HislipDecoder().push(hex(bytes)))).toEqual([[type, control, parameter, [...payload]]]);
  });

  const all = hex(GOLDEN.map(([, , , , , bytes]) => bytes).join(''));
  const wanted = GOLDEN.map(([, type, control, parameter, payload]) => [type, control, parameter, [...payload]]);

  it('are found byte by byte, and all in one chunk', () => {
    const decoder = new HislipDecoder();
    const events = [...all].flatMap((byte) => decoder.push(Uint8Array.of(byte)));
    expect(joined(events)).toEqual(wanted);
    expect(decoder.isInside).toBe(false);
    expect(joined(new HislipDecoder().push(all))).toEqual(wanted);
  });

  it('carry lengths of 64 bits', () => {
    const head = new Uint8Array(16);
    writeHislipHeader(head, { type: HISLIP.data, control: 0, parameter: 0, payloadBytes: 2 ** 53 - 1 });
    expect(head.subarray(8)).toEqual(hex('001fffffffffffff'));
    expect(readHislipHeader(head)?.payloadBytes).toBe(2 ** 53 - 1);
    expect(readHislipHeader(hex('4853 06 00 00000000 0020000000000000'))).toBeUndefined();
    expect(decodeHislipSize(hex('ffffffffffffffff'))).toBe(Number.MAX_SAFE_INTEGER);
    expect(decodeHislipSize(encodeHislipSize(0x1_2345_6789))).toBe(0x1_2345_6789);
    expect(decodeHislipSize(hex('00'))).toBeUndefined();
  });

  it('of Data come in pieces that are views of the chunk', () => {
    const decoder = new HislipDecoder();
    const [begun] = decoder.push(hex('4853 07 00 ffffff00 0000000000100000'));
    expect(begun).toBeUndefined();
    const chunk = new Uint8Array(1000).fill(7);
    const [piece] = decoder.push(chunk);
    expect(piece).toMatchObject({ kind: 'piece', isLast: false });
    expect(piece?.kind === 'piece' && piece.bytes.buffer === chunk.buffer).toBe(true);
    expect(decoder.isInside).toBe(true);
  });

  it('larger than the limit are named and left out; what follows is found', () => {
    const decoder = new HislipDecoder({ maxDataBytes: 4, maxPayloadBytes: 4 });
    const events = decoder.push(
      hex(
        '4853 06 00 00000001 0000000000000005 0102030405 4853 04 01 00000000 0000000000000005 0102030405 4853 06 00 00000002 0000000000000004 01020304',
      ),
    );
    expect(events.map(({ kind, header }) => [kind, header.type])).toEqual([
      ['too-large', HISLIP.data],
      ['too-large', HISLIP.asyncLock],
      ['piece', HISLIP.data],
    ]);
  });

  it('without the prologue break the decoder, at the first wrong byte; what came before is given', () => {
    const early = new HislipDecoder();
    expect(() => early.push(ascii('G'))).toThrow(/no HiSLIP message/);
    const second = new HislipDecoder();
    second.push(ascii('H'));
    expect(() => second.push(ascii('T'))).toThrow(expect.objectContaining({ code: 'protocol.malformed' }));
    const late = new HislipDecoder();
    const events = late.push(hex('4853 0c 00 ffffff02 0000000000000000 4854 0c 00 ffffff02 0000000000000000'));
    expect(events).toHaveLength(1);
    expect(late.isBroken).toBe(true);
    expect(() => late.push(hex('48'))).toThrow(expect.objectContaining({ code: 'protocol.malformed' }));
  });

  it('halt the decoder where TLS begins', () => {
    const decoder = new HislipDecoder({ haltAfter: [HISLIP.startTls] });
    const events = decoder.push(hex('4853 1c 00 00000000 0000000000000000 160301'));
    expect(events).toHaveLength(1);
    expect(decoder.isHalted).toBe(true);
    expect(decoder.takeRest()).toEqual(hex('160301'));
    expect(decoder.isHalted).toBe(false);
  });

  it('survive any cutting, and noise never does more than throw: 2,000 seeded rounds', () => {
    const random = seededRandom(9);
    for (let round = 0; round < 2000; round++) {
      const decoder = new HislipDecoder({ maxDataBytes: 1000, maxPayloadBytes: 100 });
      const bytes = all.slice();
      const isNoisy = round % 2 === 1;
      if (isNoisy)
        for (let hit = 0; hit <= random.below(4); hit++) bytes[random.below(bytes.length)] = random.below(256);
      const events: HislipEvent[] = [];
      try {
        for (let at = 0; at < bytes.length; ) {
          const next = at + 1 + random.below(40);
          events.push(...decoder.push(bytes.subarray(at, next)));
          at = next;
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'protocol.malformed' });
        expect(isNoisy).toBe(true);
      }
      if (!isNoisy) expect(joined(events)).toEqual(wanted);
    }
  });
});

describe('MessageIDs', () => {
  it('begin at 0xffffff00, go on by two and wrap to 0 (3.1.2)', () => {
    let id = FIRST_MESSAGE_ID;
    for (let count = 0; count < 127; count++) id = nextMessageId(id);
    expect(id).toBe(0xfffffffe);
    expect(nextMessageId(id)).toBe(0);
    expect(nextMessageId(NO_MESSAGE_ID)).toBe(FIRST_MESSAGE_ID);
  });

  it('are compared on their circle', () => {
    expect(isMessageIdUpTo(0xfffffffe, 2)).toBe(true);
    expect(isMessageIdUpTo(2, 0xfffffffe)).toBe(false);
    expect(isMessageIdUpTo(FIRST_MESSAGE_ID, FIRST_MESSAGE_ID)).toBe(true);
    expect(isMessageIdUpTo(FIRST_MESSAGE_ID, NO_MESSAGE_ID)).toBe(false);
  });
});
