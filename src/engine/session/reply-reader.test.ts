import { expect, it } from 'vitest';
import { ByteQueue } from '../../core/byte-queue.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { ReadTermination } from '../../protocol/scpi-line.ts';
import { type Reply, ReplyReader } from './reply-reader.ts';

function reader(termination: ReadTermination = 'lf', isMessageBased = false): ReplyReader {
  return new ReplyReader(new ByteQueue(), {
    maxLineBytes: 12,
    maxBlockBytes: 100,
    termination: () => termination,
    isMessageBased,
  });
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');

it.each([
  ['+1.5\n', '+1.5'],
  ['on\r\n', 'on'],
  ['"a, b"\r\r\n', '"a, b"'],
])('takes %j at once', (wire, text) => {
  expect(reader().takeWhole(bytesOf(wire))).toEqual({ text, block: undefined, sizeBytes: wire.length });
});

it.each(['', '\n', ' 1\n', '\r1\n', '#13abc\n', '#H1F\n', '1', '1\n2\n', '\u00ff1\n', '1234567890123\n'])(
  'leaves %j to who looks closer',
  (wire) => expect(reader().takeWhole(bytesOf(wire))).toBeUndefined(),
);

it('leaves a chunk that is the rest of a line, and lines that end with CR', () => {
  const begun = reader();
  begun.push(bytesOf('12'));
  expect(begun.takeWhole(bytesOf('34\n'))).toBeUndefined();
  expect(reader('cr').takeWhole(bytesOf('1\n'))).toBeUndefined();
});

it('what is taken at once is what would be taken otherwise (random chunks)', () => {
  const random = seededRandom(7);
  const alphabet = bytesOf('1\n\r "#a;\u00b5\x07');
  let taken = 0;
  for (let round = 0; round < 20_000; round++) {
    const length = random.below(8);
    const wire = Uint8Array.from({ length: length + 1 }, (_, index) =>
      index === length && random.below(4) > 0 ? 10 : (alphabet[random.below(alphabet.length)] ?? 0),
    );
    const isMessageBased = random.below(2) === 0;
    const isEnd = isMessageBased && random.below(2) === 0;
    const whole = reader('lf', isMessageBased).takeWhole(wire);
    if (!whole) continue;
    taken++;
    const slow = reader('lf', isMessageBased);
    slow.push(wire);
    const options = { kind: 'line', isEnd, isTailOptional: false, isSurplusAllowed: false } as const;
    expect(slow.take(options), JSON.stringify(Buffer.from(wire).toString('latin1'))).toEqual(whole satisfies Reply);
    expect(slow.hasRest).toBe(false);
  }
  expect(taken).toBeGreaterThan(1000);
});
