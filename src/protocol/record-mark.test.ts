import { expect, it } from 'vitest';
import { seededRandom } from '../core/seeded-random.ts';
import { markRecord, RecordReader } from './record-mark.ts';

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const bytes = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll(' ', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

it('marks one fragment, several, and an empty record (RFC 5531 11)', () => {
  expect(hex(markRecord(bytes('0102030405')))).toBe('800000050102030405');
  expect(hex(markRecord(bytes('0102030405'), 2))).toBe('0000000201020000000203048000000105');
  expect(hex(markRecord(bytes('01020304'), 2))).toBe('0000000201028000000203' + '04');
  expect(hex(markRecord(bytes('')))).toBe('80000000');
});

it('joins fragments byte by byte, and finds two records in one chunk', () => {
  const stream = bytes(`${hex(markRecord(bytes('aabbccdd'), 3))} 00000000 80000001 ee ${hex(markRecord(bytes('')))}`);
  const single = new RecordReader();
  const found: string[] = [];
  for (const byte of stream) for (const record of single.push(Uint8Array.of(byte))) found.push(hex(record));
  expect(found).toEqual(['aabbccdd', 'ee', '']);
  const whole = new RecordReader();
  expect([...whole.push(stream)].map(hex)).toEqual(['aabbccdd', 'ee', '']);
});

it('refuses records beyond its limits as soon as their mark says so', () => {
  expect(() => [...new RecordReader({ maxRecordBytes: 4 }).push(bytes('80000005'))]).toThrow(/more than 4 bytes/);
  const sum = new RecordReader({ maxRecordBytes: 4 });
  expect(() => [...sum.push(bytes('00000003 010203 80000002'))]).toThrow(/more than 4 bytes/);
  const many = new RecordReader({ maxFragments: 3 });
  expect(() => [...many.push(bytes('00000000 00000000 00000000 00000000'))]).toThrow(/3 fragments/);
  expect(() => [...new RecordReader().push(new TextEncoder().encode('HTTP/1.1 400'))]).toThrow();
});

it('gives the same records however the stream is cut (2,000 seeded streams)', () => {
  const random = seededRandom(11);
  for (let round = 0; round < 2000; round++) {
    const records = Array.from({ length: 1 + random.below(4) }, () =>
      Uint8Array.from({ length: random.below(40) }, () => random.below(256)),
    );
    const stream = Uint8Array.from(records.flatMap((record) => [...markRecord(record, 1 + random.below(16))]));
    const reader = new RecordReader();
    const found: Uint8Array[] = [];
    for (let at = 0; at < stream.length; ) {
      const size = 1 + random.below(20);
      found.push(...reader.push(stream.subarray(at, at + size)));
      at += size;
    }
    expect(found).toEqual(records);
  }
});
