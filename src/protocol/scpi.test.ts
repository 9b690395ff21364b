import { describe, expect, it } from 'vitest';
import { ByteQueue } from '../core/byte-queue.ts';
import { LabError } from '../core/errors.ts';
import { seededRandom } from '../core/seeded-random.ts';
import { awaitsBlockTail, takeBlock488 } from './block488.ts';
import { looksLikeIdentity, parseIdentity } from './idn.ts';
import { formatScpiError, parseScpiError, scpiErrorClass } from './scpi-error.ts';
import { isQuery, isResponseText, splitResponse, takeScpiLine } from './scpi-line.ts';
import {
  formatScpiNumber,
  parseScpiBoolean,
  parseScpiNumber,
  parseScpiNumbers,
  parseScpiString,
} from './scpi-number.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const text = (data: Uint8Array | undefined): string | undefined => data && String.fromCharCode(...data);

function queueOf(...chunks: string[]): ByteQueue {
  const queue = new ByteQueue();
  for (const chunk of chunks) queue.push(bytes(chunk));
  return queue;
}

describe('SCPI lines', () => {
  it.each([
    ['LF', 'lf', 'one\ntwo\n'],
    ['CR LF', 'lf', 'one\r\ntwo\r\n'],
    ['LF CR', 'lf', 'one\n\rtwo\n\r'],
    ['CR', 'cr', 'one\rtwo\r'],
    ['CR LF read by CR', 'cr', 'one\r\ntwo\r\n'],
  ] as const)('ends at %s, in one chunk and byte by byte', (_, termination, wire) => {
    const whole = queueOf(wire);
    expect(takeScpiLine(whole, { termination })).toBe('one');
    expect(takeScpiLine(whole, { termination })).toBe('two');
    expect(takeScpiLine(whole, { termination })).toBeUndefined();
    const single = new ByteQueue();
    const lines: string[] = [];
    for (const character of wire) {
      single.push(bytes(character));
      const line = takeScpiLine(single, { termination });
      if (line !== undefined) lines.push(line);
    }
    expect(lines).toEqual(['one', 'two']);
  });

  it('keeps every byte value of a text as one character', () => {
    const all = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter(
      (one) => one !== '\n' && one !== '\r',
    );
    expect(takeScpiLine(queueOf(`${all.join('')}\n`))).toBe(all.join(''));
    const long = '\u00b5V '.repeat(20_000);
    expect(takeScpiLine(queueOf(long, '\n'))).toBe(long);
  });

  it('gives what waits when the way says END', () => {
    expect(takeScpiLine(queueOf('no terminator'), { isEnd: true })).toBe('no terminator');
  });

  it('throws protocol.too-long beyond the limit, with and without a terminator behind it', () => {
    const tooLong = expect.objectContaining({ code: 'protocol.too-long' });
    expect(() => takeScpiLine(queueOf('x'.repeat(101)), { maxLineBytes: 100 })).toThrow(tooLong);
    expect(() => takeScpiLine(queueOf(`${'x'.repeat(101)}\n`), { maxLineBytes: 100 })).toThrow(tooLong);
    expect(takeScpiLine(queueOf(`${'x'.repeat(100)}\n`), { maxLineBytes: 100 })).toHaveLength(100);
  });

  it('tells text from noise', () => {
    for (const good of ['+1.0E0', '"ch1 4.00\u00b5s"', "'it''s'", '0,"No error"', '', '\t1'])
      expect(isResponseText(good)).toBe(true);
    for (const bad of ['\u00b51', '1\u0000', '\u0007', '"\u0001"', 'a"\u0085"'])
      expect(isResponseText(bad)).toBe(false);
  });

  it('knows what asks', () => {
    for (const query of ['*IDN?', ':MEAS:VOLT? CH1', 'VOLT 5;:VOLT?', 'A;B?;C']) expect(isQuery(query)).toBe(true);
    for (const command of ['VOLT 5', 'DISP:TEXT "ok?"', "DISP:TEXT 'a;b?'", 'DISP:TEXT ok?', ''])
      expect(isQuery(command)).toBe(false);
  });

  it('splits the answers of a compound query outside quotes', () => {
    expect(splitResponse('1;2 ; 3')).toEqual(['1', '2', '3']);
    expect(splitResponse('"a;b";1')).toEqual(['"a;b"', '1']);
    expect(splitResponse('"VOLT";+1.0E+00')).toEqual(['"VOLT"', '+1.0E+00']);
    expect(splitResponse('0,"No;error";2')).toEqual(['0,"No;error"', '2']);
    expect(splitResponse('')).toEqual(['']);
  });
});

describe('488.2 blocks', () => {
  it('takes golden bytes, whole, byte by byte and two in a chunk', () => {
    expect(text(takeBlock488(queueOf('#15a\nb\rc\n')))).toBe('a\nb\rc');
    expect(text(takeBlock488(queueOf('#9000000003abc\n')))).toBe('abc');
    expect(text(takeBlock488(queueOf('#10\n')))).toBe('');
    const two = queueOf('#13abc\n#13def\n');
    expect([text(takeBlock488(two)), text(takeBlock488(two))]).toEqual(['abc', 'def']);
    const single = new ByteQueue();
    let taken: string | undefined;
    for (const character of '#210\n\n\n\n\n#1234\n') {
      expect(taken).toBeUndefined();
      single.push(bytes(character));
      taken = text(takeBlock488(single));
    }
    expect(taken).toBe('\n\n\n\n\n#1234');
  });

  it('tolerates terminators too many, and a missing one once its time is over', () => {
    const queue = queueOf('#13abc\n\n\r\n next');
    expect(text(takeBlock488(queue))).toBe('abc');
    expect(text(queue.take(queue.length))).toBe('next');
    const bare = queueOf('#13abc');
    expect(takeBlock488(bare)).toBeUndefined();
    expect(awaitsBlockTail(bare)).toBe(true);
    expect(text(takeBlock488(bare, { isTailOptional: true }))).toBe('abc');
  });

  it('gives bytes of its own', () => {
    const chunk = bytes('#13abc\n');
    const queue = new ByteQueue();
    queue.push(chunk);
    const data = takeBlock488(queue);
    chunk.fill(0);
    expect(text(data)).toBe('abc');
  });

  it.each([
    ['#13abcd\n', 'protocol.malformed'],
    ['+1.0\n', 'protocol.malformed'],
    ['#H1F\n', 'protocol.malformed'],
    ['#2x1abc', 'protocol.malformed'],
    ['#0abc\n', 'protocol.malformed'],
    ['#9999999999', 'protocol.too-long'],
  ])('refuses %j: %s', (wire, code) => {
    expect(() => takeBlock488(queueOf(wire))).toThrow(expect.objectContaining({ code }));
  });

  it('refuses an announced length beyond its limit before the data come', () => {
    expect(() => takeBlock488(queueOf('#41001'), { maxBlockBytes: 1000 })).toThrow(
      expect.objectContaining({ code: 'protocol.too-long' }),
    );
  });

  it('ends an indefinite block at END, and calls a block that ENDs early cut', () => {
    expect(text(takeBlock488(queueOf('#0a\nb\n'), { isEnd: true }))).toBe('a\nb');
    expect(takeBlock488(queueOf('#0a\nb\n'), { isEnd: false })).toBeUndefined();
    expect(() => takeBlock488(queueOf('#15ab'), { isEnd: true })).toThrow(
      expect.objectContaining({ code: 'protocol.malformed' }),
    );
  });
});

describe('any bytes in any pieces', () => {
  it('give a line, a block, not yet, or a LabError, and take no longer than the bytes are', () => {
    const random = seededRandom(11);
    const pieces = ['#', '1', '3', '9', '0', 'abc', '\n', '\r', ';', '"', "'", '\u00ff', '\u0000', '+1.5E3', ',', ' '];
    for (let round = 0; round < 3000; round++) {
      const queue = new ByteQueue();
      for (let count = random.below(12); count >= 0; count--) {
        queue.push(bytes(pieces[random.below(pieces.length)] ?? ''));
        const before = queue.length;
        try {
          const taken = random.below(2)
            ? takeScpiLine(queue, { maxLineBytes: 16, termination: random.below(2) ? 'lf' : 'cr' })
            : takeBlock488(queue, { maxBlockBytes: 32, ...(random.below(2) ? { isEnd: random.below(2) === 1 } : {}) });
          if (taken !== undefined) expect(queue.length).toBeLessThanOrEqual(before);
        } catch (error) {
          expect(error).toBeInstanceOf(LabError);
          queue.clear();
        }
      }
    }
  });
});

describe('SCPI numbers', () => {
  it.each([
    ['5', 5],
    ['+5.00026E+00', 5.00026],
    ['-.5', -0.5],
    ['5.', 5],
    [' 1e-3 ', 1e-3],
    ['9.9E37', Number.POSITIVE_INFINITY],
    ['+9.90000000E+37', Number.POSITIVE_INFINITY],
    ['-9.9E37', Number.NEGATIVE_INFINITY],
    ['9.91E37', Number.NaN],
    ['NAN', Number.NaN],
    ['INF', Number.POSITIVE_INFINITY],
    ['NINF', Number.NEGATIVE_INFINITY],
    ['#H1F', 31],
    ['#Q17', 15],
    ['#B101', 5],
    ['1.00GSa/s', 1e9],
    ['7Mpts', 7e6],
    ['7pts', 7],
    ['4.7uF', 4.7e-6],
    ['5.00E+00V', 5],
    ['100mV', 0.1],
    ['+5.00026E+00NVDC', 5.00026],
  ])('%s', (answer, value) => expect(parseScpiNumber(answer)).toEqual(value));

  it.each(['', 'V', '1,2', '--1', '#Hxyz', '#B12', '1 2', 'OFF', '1;2', '0x10', '1.5E', '1.5E+'])(
    '%j is none',
    (answer) => expect(parseScpiNumber(answer)).toBeUndefined(),
  );

  it('reads lists, booleans and strings', () => {
    expect(parseScpiNumbers('1,-2.5,9.9E37')).toEqual([1, -2.5, Number.POSITIVE_INFINITY]);
    expect(['1', 'on', '0', 'OFF', '+1', 'YES'].map(parseScpiBoolean)).toEqual([
      true,
      true,
      false,
      false,
      true,
      undefined,
    ]);
    expect(['"a""b"', "'it''s'", 'bare', '"'].map(parseScpiString)).toEqual(['a"b', "it's", 'bare', '"']);
  });

  it('writes what reads back as the same value', () => {
    const random = seededRandom(5);
    for (let round = 0; round < 2000; round++) {
      const value = (random.next() - 0.5) * 10 ** (random.below(40) - 20);
      expect(parseScpiNumber(formatScpiNumber(value))).toBe(value);
    }
    expect(formatScpiNumber(-0)).toBe('0');
  });
});

describe('error queue', () => {
  it.each([
    ['0,"No error"', 0, 'No error', ''],
    ['+0,"No error"', 0, 'No error', ''],
    ['0', 0, '', ''],
    ['-113,"Undefined header;FOO?"', -113, 'Undefined header', 'FOO?'],
    ["-222,'Data out of range'", -222, 'Data out of range', ''],
    ['-350,Queue overflow', -350, 'Queue overflow', ''],
    ['-100 "Command error"', -100, 'Command error', ''],
    ['+301,"say ""hi"""', 301, 'say "hi"', ''],
    ['-113,"cut off', -113, 'cut off', ''],
  ])('%s', (answer, code, message, context) => expect(parseScpiError(answer)).toEqual({ code, message, context }));

  it('is none without a code', () => {
    for (const answer of ['', 'No error', '"0"', '1.5,"x"', 'RIGOL,DP832'])
      expect(parseScpiError(answer)).toBeUndefined();
  });

  it('knows the classes and writes itself for a person', () => {
    expect([0, -113, -222, -350, -410, 301].map(scpiErrorClass)).toEqual([
      'none',
      'command',
      'execution',
      'device',
      'query',
      'maker',
    ]);
    expect(formatScpiError({ code: -113, message: 'Undefined header', context: 'FOO?' })).toBe(
      '-113 Undefined header (FOO?)',
    );
  });
});

describe('*IDN?', () => {
  it.each([
    ['RIGOL TECHNOLOGIES,DP832,DP8C1,00.01.16\r', 'RIGOL TECHNOLOGIES', 'DP832', 'DP8C1', '00.01.16'],
    ['HEWLETT-PACKARD,34401A,0,10-5-2', 'HEWLETT-PACKARD', '34401A', '', '10-5-2'],
    ['Maker , Model', 'Maker', 'Model', '', ''],
    ['A,B,C,1.0,beta 2', 'A', 'B', 'C', '1.0,beta 2'],
    ['KORADKA3005PV2.0', '', 'KORADKA3005PV2.0', '', ''],
    ['"A,B,C,D"', 'A', 'B', 'C', 'D'],
    ['*IDN? A,B,C,D', 'A', 'B', 'C', 'D'],
    ['*IDN SIGLENT,SDS1104X-E,SDS1E,8.1.6', 'SIGLENT', 'SDS1104X-E', 'SDS1E', '8.1.6'],
    ['', '', '', '', ''],
  ])('%j', (answer, maker, model, serial, firmware) =>
    expect(parseIdentity(answer)).toEqual({ maker, model, serial, firmware }),
  );

  it('is told from values of a streaming device', () => {
    for (const identity of [
      'RIGOL TECHNOLOGIES,DP832,DP8C1,1',
      'KORADKA3005PV2.0',
      'Labwire,DAQ10,LW1,1.0',
      '*IDN SIGLENT,SDS1104X-E,SDS1,8.1',
    ])
      expect(looksLikeIdentity(identity)).toBe(true);
    for (const line of ['1.0,2.0,3.0', 'temp:25.1 hum:40', '', '\u0081A1', '-1', 'A'])
      expect(looksLikeIdentity(line)).toBe(false);
  });
});
