import type { Transport } from '../../src/engine/transport/transport.ts';
import type { TestDevice } from './test-device.ts';

/** What the suite needs of the instrument at the other end. `answer` is given what the instrument would answer by itself: what it returns is sent. */
export type SuiteDevice = Omit<TestDevice, 'idn' | 'connect' | 'cutAll'>;

/** One message, and what is right. */
export interface Exchange {
  message: Uint8Array;
  /** As the device receives it. */
  arrives: Uint8Array;
  /** Undefined: it is not answered. */
  answer: Uint8Array | undefined;
}

/** What a way carries is checked by all of these. */
export interface Contents {
  /** What the test says. */
  name: string;
  exchanges(): Exchange[];
}

/** The language of a way whose messages are not any bytes: how the suite asks what every way must be able to do. */
export interface MessageDialect {
  /** A question with this number (0 to 999) in it, so that its answer is of no other. */
  question(number: number): Exchange;
  /** Every value a message can carry. */
  values: Contents;
  /** The greatest transfers. */
  biggest: Contents;
  /** Lengths around those where frames and packets end; the first one is given in two pieces. */
  lengths: Contents;
  /** Makes the device answer so: `question` is answered by `first`, which ends with `termChar` in the middle of the message, and `rest`. */
  twoParts(device: SuiteDevice): { question: Uint8Array; termChar: number; first: string; rest: string };
  /** Makes the device give its greatest answer to this question. */
  bigAnswer(device: SuiteDevice): Uint8Array;
  /** Makes the answer to this question one of which the beginning only has come when `begun` resolves. */
  halfAnswer(device: SuiteDevice): { question: Uint8Array; begun(transport: Transport): Promise<unknown> };
  /** A write resolves when the message is answered, not when it is sent. */
  isAnsweredByWrite: boolean;
  /** A clear is told to the device. */
  isClearSent: boolean;
}

/** Messages of any bytes, to a device that echoes them unless it is told otherwise. */
export function createOctetDialect(kind: { bigBytes?: number; unsendable?: readonly number[] }): MessageDialect {
  const unsendable = new Set(kind.unsendable ?? []);
  const big = (bytes: number): Uint8Array => pattern(kind.bigBytes ?? bytes, unsendable);
  return {
    question: (number) => echo(ascii(`ECHO? ${number}`)),
    values: {
      name: 'carries every byte value both ways',
      exchanges() {
        const all = Uint8Array.from({ length: 256 }, (_, index) => index).filter((byte) => !unsendable.has(byte));
        // Not last: a terminator at the end belongs to the message exchange.
        return [echo(new Uint8Array([...all, 65]))];
      },
    },
    biggest: {
      name: 'carries a block of a mebibyte both ways, intact',
      exchanges: () => [echo(big(1024 * 1024))],
    },
    lengths: {
      name: 'takes a message in pieces, and lengths around every packet size',
      exchanges: () => [
        echo(ascii('ECHO? abc')),
        ...[1, 2, 3, 4, 5, 51, 52, 53, 63, 64, 65, 499, 500, 501, 511, 512, 513, 1023, 1024, 1025, 4096].map((length) =>
          echo(pattern(length, new Set([...unsendable, 10, 13]))),
        ),
      ],
    },
    twoParts(device) {
      device.answer = () => ascii('abc\ndef\n');
      return { question: ascii('X?'), termChar: 10, first: 'abc\n', rest: 'def\n' };
    },
    bigAnswer(device) {
      const answer = big(1024 * 1024);
      device.answer = () => answer;
      return ascii('BIG?');
    },
    halfAnswer(device) {
      device.answer = () => big(4 * 1024 * 1024);
      return { question: ascii('BIG?'), begun: (transport) => transport.read({ max: 1000 }) };
    },
    isAnsweredByWrite: false,
    isClearSent: true,
  };
}

export const ascii = (characters: string): Uint8Array => new TextEncoder().encode(characters);

function echo(message: Uint8Array): Exchange {
  return { message, arrives: message, answer: message };
}

function pattern(length: number, without: ReadonlySet<number>): Uint8Array {
  const allowed = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !without.has(byte));
  const bytes = new Uint8Array(length);
  for (let index = 0, state = 12345; index < length; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[index] = allowed[(state >>> 16) % allowed.length] ?? 0;
  }
  // A terminator at the end belongs to the message exchange.
  bytes[length - 1] = 65;
  return bytes;
}
