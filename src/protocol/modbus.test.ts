import { describe, expect, it } from 'vitest';
import { seededRandom } from '../core/seeded-random.ts';
import {
  crc16,
  decodeAnswer,
  decodeTcp,
  encodeRequest,
  encodeRtu,
  encodeTcp,
  exceptionText,
  isWholeRtu,
  type ModbusRequest,
  rtuAnswerLength,
  rtuRequestLength,
} from './modbus.ts';
import { parseModbusMessage } from './modbus-text.ts';
import { rdtechIdentity, rdtechModel, rdtechModelNamed } from './rdtech-model.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(text.split(' '), (byte) => Number.parseInt(byte, 16));

describe('frames', () => {
  it('the checksum of the standard', () => {
    expect(crc16(Uint8Array.from('123456789', (character) => character.charCodeAt(0)))).toBe(0x4b37);
    // MODBUS over Serial Line, example of a request: unit 2, function 7.
    expect(encodeRtu(2, hex('07'))).toEqual(hex('02 07 41 12'));
    expect(isWholeRtu(hex('02 07 41 12'))).toBe(true);
    expect(isWholeRtu(hex('02 07 41 13'))).toBe(false);
    expect(isWholeRtu(hex('02 07'))).toBe(false);
  });

  // Requests and answers of MODBUS Application Protocol V1.1b3, section 6.
  const examples: [ModbusRequest, request: string, answer: string, values: number[]][] = [
    [
      { kind: 'read', table: 'holding', start: 0x6b, count: 3 },
      '03 00 6b 00 03',
      '03 06 02 2b 00 00 00 64',
      [555, 0, 100],
    ],
    [{ kind: 'read', table: 'input', start: 8, count: 1 }, '04 00 08 00 01', '04 02 00 0a', [10]],
    [
      { kind: 'read', table: 'coil', start: 0x13, count: 19 },
      '01 00 13 00 13',
      '01 03 cd 6b 05',
      [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1],
    ],
    [
      { kind: 'read', table: 'discrete', start: 0xc4, count: 22 },
      '02 00 c4 00 16',
      '02 03 ac db 35',
      [0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1],
    ],
  ];
  it.each(examples)('%j', (request, sent, came, values) => {
    expect(encodeRequest(request)).toEqual(hex(sent));
    expect(decodeAnswer(request, hex(came))).toEqual({ kind: 'values', values });
    expect(decodeAnswer(request, hex('83 02'))).toEqual(
      request.kind === 'read' && request.table === 'holding' ? { kind: 'exception', code: 2 } : undefined,
    );
  });

  it('writes, one and several, and what confirms them', () => {
    const single: ModbusRequest = { kind: 'write', table: 'holding', start: 1, values: [3] };
    expect(encodeRequest(single)).toEqual(hex('06 00 01 00 03'));
    expect(decodeAnswer(single, hex('06 00 01 00 03'))).toEqual({ kind: 'done' });
    expect(decodeAnswer(single, hex('06 00 01 00 04'))).toBeUndefined();
    const several: ModbusRequest = { kind: 'write', table: 'holding', start: 1, values: [10, 258] };
    expect(encodeRequest(several)).toEqual(hex('10 00 01 00 02 04 00 0a 01 02'));
    expect(decodeAnswer(several, hex('10 00 01 00 02'))).toEqual({ kind: 'done' });
    expect(encodeRequest({ kind: 'write', table: 'coil', start: 0xac, values: [1] })).toEqual(hex('05 00 ac ff 00'));
    expect(
      encodeRequest({ kind: 'write', table: 'coil', start: 0x13, values: [1, 0, 1, 1, 0, 0, 1, 1, 1, 0] }),
    ).toEqual(hex('0f 00 13 00 0a 02 cd 01'));
  });

  it('device identification', () => {
    const answer = hex('2b 0e 01 01 00 00 03 00 02 41 42 01 01 43 02 03 56 31 30');
    expect(decodeAnswer({ kind: 'identify' }, answer)).toEqual({
      kind: 'identity',
      objects: new Map([
        [0, 'AB'],
        [1, 'C'],
        [2, 'V10'],
      ]),
    });
    expect(decodeAnswer({ kind: 'identify' }, answer.subarray(0, -1))).toBeUndefined();
    const frame = encodeRtu(1, answer);
    for (let length = 0; length < 8; length++)
      expect(rtuAnswerLength(frame.subarray(0, length)) ?? 99).toBeGreaterThan(length);
    expect(rtuAnswerLength(frame)).toBe(frame.length);
  });

  it('Modbus/TCP: two in one piece, one in many', () => {
    const first = encodeTcp(1, 17, hex('03 02 00 01'));
    expect(first).toEqual(hex('00 01 00 00 00 05 11 03 02 00 01'));
    const both = Uint8Array.from([...first, ...first]);
    expect(decodeTcp(both)).toMatchObject({ transaction: 1, unit: 17, length: 11 });
    for (let length = 0; length < first.length; length++) expect(decodeTcp(first.subarray(0, length))).toBeUndefined();
    expect(decodeTcp(hex('48 54 54 50 2f 31 2e 31'))).toBe('malformed');
  });

  it('lengths of requests, as a device counts them', () => {
    const requests: ModbusRequest[] = [
      { kind: 'read', table: 'holding', start: 0, count: 1 },
      { kind: 'write', table: 'holding', start: 0, values: [1] },
      { kind: 'write', table: 'holding', start: 0, values: [1, 2, 3] },
      { kind: 'write', table: 'coil', start: 0, values: [1, 0] },
      { kind: 'identify' },
      { kind: 'echo', value: 7 },
    ];
    for (const request of requests) {
      const frame = encodeRtu(1, encodeRequest(request));
      expect(rtuRequestLength(frame)).toBe(frame.length);
    }
  });

  it('10,000 seeded answers of noise: none is taken for more than it is', () => {
    const random = seededRandom(5);
    const request: ModbusRequest = { kind: 'read', table: 'holding', start: 0, count: 2 };
    for (let round = 0; round < 10_000; round++) {
      const noise = Uint8Array.from({ length: random.below(12) }, () => random.below(256));
      if (random.below(2) && noise.length > 1) noise[0] = 3;
      const answer = decodeAnswer(request, noise);
      if (answer?.kind === 'values') expect(noise.length).toBe(6);
      rtuAnswerLength(noise);
      rtuRequestLength(noise);
      decodeTcp(noise);
      decodeAnswer({ kind: 'identify' }, Uint8Array.of(43, ...noise));
    }
  });

  it('exceptions in words', () => {
    expect(exceptionText(2)).toContain('no such register');
    expect(exceptionText(99)).toContain('does not name');
  });
});

describe('messages in words', () => {
  it('reads them', () => {
    expect(parseModbusMessage('HOLD? 0,10')).toEqual([{ kind: 'read', table: 'holding', start: 0, count: 10 }]);
    expect(parseModbusMessage('inp? 0x10')).toEqual([{ kind: 'read', table: 'input', start: 16, count: 1 }]);
    expect(parseModbusMessage(' HOLD 8,500 ; COIL? 0,8;*idn?; ')).toEqual([
      { kind: 'write', table: 'holding', start: 8, values: [500] },
      { kind: 'read', table: 'coil', start: 0, count: 8 },
      { kind: 'idn' },
    ]);
    expect(parseModbusMessage('')).toEqual([]);
  });

  it.each([
    'HOLD?',
    'HOLD? x',
    'HOLD? 0,0',
    'HOLD? 0,126',
    'HOLD? 65535,2',
    'HOLD? 0,1,2',
    'HOLD 8',
    'HOLD 8,65536',
    'HOLD 8,-1',
    'HOLD 8,1.5',
    'INP 0,1',
    'DISC 0,1',
    'COIL 0,2',
    'VOLT 5',
    '*RST',
    Array(33).fill('HOLD? 0').join(';'),
  ])('refuses %s', (text) => {
    expect(() => parseModbusMessage(text)).toThrowError(expect.objectContaining({ code: 'call.invalid' }));
  });
});

describe('RDTech models', () => {
  it('by the number in register 0', () => {
    expect(rdtechModel(60062)).toMatchObject({ name: 'RD6006', perVolt: 100, perAmp: 1000, maxAmps: 6 });
    expect(rdtechModel(60065)).toMatchObject({ name: 'RD6006P', perVolt: 1000, perAmp: 10_000 });
    expect(rdtechModel(60181)).toMatchObject({ name: 'RD6018', perAmp: 100 });
    expect(rdtechModel(60125)).toBeUndefined();
    expect(rdtechModel(1)).toBeUndefined();
    expect(rdtechModelNamed('rd6012')?.maxAmps).toBe(12);
    expect(rdtechIdentity([60062, 0, 1234, 128])).toBe('RDTech,RD6006,00001234,1.28');
    expect(rdtechIdentity([1, 2, 3, 4])).toBeUndefined();
  });
});
