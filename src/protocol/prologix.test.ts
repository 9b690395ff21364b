import { describe, expect, it } from 'vitest';
import { seededRandom } from '../core/seeded-random.ts';
import {
  addressArguments,
  addressCommand,
  encodeCommands,
  encodeData,
  type HostLine,
  HostLines,
  parseStatusByte,
  parseVersion,
} from './prologix.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

function lines(chunks: Uint8Array[], limit = 1 << 20): HostLine[] {
  const input = new HostLines(limit);
  return chunks.flatMap((chunk) => [...input.push(chunk)]);
}

describe('what goes to the adapter', () => {
  it('escapes as the manual shows', () => {
    // GPIB-USB manual 7.1: 00 01 02 13 03 10 04 27 05 43 06, decimal.
    expect(encodeData(bytes(0, 1, 2, 13, 3, 10, 4, 27, 5, 43, 6))).toEqual(
      bytes(0, 1, 2, 27, 13, 3, 27, 10, 4, 27, 27, 5, 27, 43, 6, 10),
    );
    expect(encodeData(ascii('*ESE +37'))).toEqual(ascii('*ESE \x1b+37\n'));
    expect(encodeData(bytes())).toEqual(bytes(10));
  });

  it('writes addresses as the bus has them', () => {
    expect(addressCommand({ primary: 7 })).toBe('++addr 7');
    expect(addressCommand({ primary: 9, secondary: 0 })).toBe('++addr 9 96');
    expect(addressArguments({ primary: 30, secondary: 30 })).toBe('30 126');
    expect(encodeCommands('++addr 7', '++read eoi')).toEqual(ascii('++addr 7\n++read eoi\n'));
  });

  it('reads versions and status bytes', () => {
    expect(parseVersion('Prologix GPIB-ETHERNET Controller version 01.06.06.00').kind).toBe('prologix');
    expect(parseVersion('AR488 GPIB controller, ver. 0.51.29, 18/03/2024\r').kind).toBe('ar488');
    expect(parseVersion('GPIB-USB 1.0').kind).toBe('other');
    expect(parseStatusByte('20\r')).toBe(20);
    expect(parseStatusByte('256')).toBeUndefined();
    expect(parseStatusByte('')).toBeUndefined();
    expect(parseStatusByte('-1')).toBeUndefined();
  });
});

describe('what the adapter hears', () => {
  it('takes commands and data apart, in any chunks', () => {
    const sent = ascii('++addr 7 96\r\n\n*IDN?\x1b\n\n++read eoi\n');
    const expected: HostLine[] = [
      { kind: 'command', name: 'addr', args: ['7', '96'] },
      { kind: 'data', bytes: ascii('*IDN?\n') },
      { kind: 'command', name: 'read', args: ['eoi'] },
    ];
    expect(lines([sent])).toEqual(expected);
    expect(lines([...sent].map((byte) => bytes(byte)))).toEqual(expected);
  });

  it('an escaped plus begins no command, an escaped line end ends none', () => {
    expect(lines([ascii('\x1b+\x1b+ver\n')])).toEqual([{ kind: 'data', bytes: ascii('++ver') }]);
    expect(lines([ascii('+\x1b+ver\n')])).toEqual([{ kind: 'data', bytes: ascii('++ver') }]);
    // Measured on firmware 01.06.06.00: one line, no command it knows.
    expect(lines([ascii('++ver\x1b\n++ver\n')])).toEqual([{ kind: 'command', name: 'ver\n++ver', args: [] }]);
    expect(lines([ascii('++\n')])).toEqual([{ kind: 'command', name: '', args: [] }]);
    expect(lines([ascii('++ver   \n')])).toEqual([{ kind: 'command', name: 'ver', args: [] }]);
    expect(lines([ascii('+5\n')])).toEqual([{ kind: 'data', bytes: ascii('+5') }]);
  });

  it('keeps no more of a line than the limit', () => {
    const input = new HostLines(10);
    const [first, second] = [...input.push(ascii(`${'x'.repeat(5000)}\n++ver\n`))];
    expect(first).toEqual({ kind: 'data', bytes: ascii('x'.repeat(10)) });
    expect(second).toEqual({ kind: 'command', name: 'ver', args: [] });
    expect(input.isCut).toBe(true);
  });

  it('any bytes come through: 2000 seeded messages in seeded chunks', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 2000; round++) {
      // Specials are frequent.
      const message = Uint8Array.from({ length: 1 + random.below(40) }, () =>
        random.below(3) === 0 ? ([27, 10, 13, 43][random.below(4)] ?? 0) : random.below(256),
      );
      const sent = encodeData(message);
      const input = new HostLines(1000);
      const heard: HostLine[] = [];
      for (let at = 0; at < sent.length; ) {
        const size = 1 + random.below(8);
        heard.push(...input.push(sent.subarray(at, at + size)));
        at += size;
      }
      expect(heard).toEqual([{ kind: 'data', bytes: message }]);
    }
  });
});
