import { ascii, type Exchange, type MessageDialect } from './message-dialect.ts';
import { coilAt, discreteAt, holdingAt, inputAt } from './modbus-registers.ts';

/** Counts of registers around which frames of 64 bytes, 128 bytes and of the standard end (6.3, 6.12). */
const READ_COUNTS = [1, 2, 3, 28, 29, 30, 60, 61, 62, 123, 124, 125];
const WRITE_COUNTS = [1, 2, 3, 27, 28, 29, 59, 60, 61, 121, 122, 123];
/** Bits end within a byte or with it (6.1, 6.11). */
const BIT_COUNTS = [1, 2, 7, 8, 9, 15, 16, 17, 255, 256, 257, 1967, 1968];
const MOST_READ = 125;
const MOST_WRITTEN = 123;
const REGISTERS = 0x1_0000;
const COMMA = 44;

const big = (value: number): [number, number] => [value >>> 8, value & 0xff];
const from = (start: number, count: number, at: (address: number) => number): number[] =>
  Array.from({ length: count }, (_, index) => at(start + index));

/** Requests as the standard has them, written out here a second time. */
function read(word: string, code: number, start: number, count: number, at: (address: number) => number): Exchange {
  return {
    message: ascii(`${word}? ${start},${count}`),
    arrives: Uint8Array.of(code, ...big(start), ...big(count)),
    answer: ascii(`${from(start, count, at).join(',')}\n`),
  };
}

const readHolding = (start: number, count: number, at = holdingAt): Exchange => read('HOLD', 3, start, count, at);

function writeHolding(start: number, values: readonly number[]): Exchange {
  const { length } = values;
  const [first = 0] = values;
  return {
    message: ascii(`HOLD ${start},${values.join(',')}`),
    arrives:
      length === 1
        ? Uint8Array.of(6, ...big(start), ...big(first))
        : Uint8Array.of(16, ...big(start), ...big(length), length * 2, ...values.flatMap(big)),
    answer: undefined,
  };
}

function writeCoils(start: number, values: readonly number[]): Exchange {
  const { length } = values;
  const bytes = new Uint8Array(Math.ceil(length / 8));
  for (const [index, value] of values.entries()) {
    bytes[Math.floor(index / 8)] = (bytes[Math.floor(index / 8)] ?? 0) + value * 2 ** (index % 8);
  }
  return {
    message: ascii(`COIL ${start},${values.join(',')}`),
    arrives:
      length === 1
        ? Uint8Array.of(5, ...big(start), values[0] === 1 ? 0xff : 0, 0)
        : Uint8Array.of(15, ...big(start), ...big(length), bytes.length, ...bytes),
    answer: undefined,
  };
}

/** All of 0 to 65,535 in steps. */
function blocks(size: number, of: (start: number, count: number) => Exchange): Exchange[] {
  return Array.from({ length: Math.ceil(REGISTERS / size) }, (_, index) =>
    of(index * size, Math.min(size, REGISTERS - index * size)),
  );
}

/** Other values than the device has at first. */
const turned = (address: number): number => holdingAt(address) ^ 0xffff;

/** As many steps as a message may have: 4,000 registers, 24 kB of answer. */
function longestMessage(): Exchange {
  const steps = Array.from({ length: 32 }, (_, index) => read('INP', 4, index * MOST_READ, MOST_READ, inputAt));
  const joined = (parts: readonly Uint8Array[], mark: string): string =>
    parts.map((part) => Buffer.from(part).toString('latin1').trimEnd()).join(mark);
  return {
    message: ascii(
      joined(
        steps.map(({ message }) => message),
        ';',
      ),
    ),
    arrives: steps.at(-1)?.arrives ?? new Uint8Array(0),
    answer: ascii(
      `${joined(
        steps.map(({ answer = new Uint8Array(0) }) => answer),
        ';',
      )}\n`,
    ),
  };
}

/** Questions and writes in words (docs/protocols/modbus.md), to the unit of modbus-device.ts. */
export const modbusDialect: MessageDialect = {
  question: (number) => readHolding(number, 1),
  values: {
    name: 'carries all 65,536 register values both ways, and both of a coil',
    exchanges: () => [
      ...blocks(MOST_WRITTEN, (start, count) => writeHolding(start, from(start, count, turned))),
      ...blocks(MOST_READ, (start, count) => readHolding(start, count, turned)),
      ...[0, 1, 0].flatMap((value) => [writeCoils(11, [value]), read('COIL', 1, 11, 1, () => value)]),
    ],
  },
  biggest: {
    name: 'carries the greatest blocks both ways, intact: 125 registers read, 123 written, 2000 bits read, 1968 written, 32 steps (a frame of Modbus holds 253 bytes, so no mebibyte goes into a message)',
    exchanges: () => [
      readHolding(REGISTERS - MOST_READ, MOST_READ),
      writeHolding(500, from(500, MOST_WRITTEN, turned)),
      readHolding(500, MOST_WRITTEN, turned),
      read('INP', 4, 1000, MOST_READ, inputAt),
      read('COIL', 1, 0, 2000, coilAt),
      read('DISC', 2, REGISTERS - 2000, 2000, discreteAt),
      writeCoils(3, from(3, 1968, discreteAt)),
      read('COIL', 1, 3, 1968, discreteAt),
      longestMessage(),
    ],
  },
  lengths: {
    name: 'takes a message in pieces, and counts around every length of a frame',
    exchanges: () => [
      readHolding(1234, 56),
      ...READ_COUNTS.flatMap((count) => [readHolding(count, count), read('INP', 4, count, count, inputAt)]),
      ...WRITE_COUNTS.flatMap((count) => [
        writeHolding(300, from(300, count, turned)),
        readHolding(300, count, turned),
      ]),
      ...BIT_COUNTS.flatMap((count) => [
        read('DISC', 2, count, count, discreteAt),
        writeCoils(5, from(5, count, discreteAt)),
        read('COIL', 1, 5, count, discreteAt),
      ]),
    ],
  },
  twoParts() {
    const [first, second] = from(100, 2, holdingAt);
    return { question: ascii('HOLD? 100,2'), termChar: COMMA, first: `${first},`, rest: `${second}\n` };
  },
  bigAnswer: () => ascii('HOLD? 0,125'),
  halfAnswer(device) {
    device.answer = (frame) => frame.subarray(0, frame.length >> 1);
    // No part of an answer is given before all of it is there; in a turn of the loop the device has handed over its half.
    return { question: ascii('HOLD? 0,125'), begun: () => new Promise((resolve) => setImmediate(resolve)) };
  },
  isAnsweredByWrite: true,
  isClearSent: false,
};
