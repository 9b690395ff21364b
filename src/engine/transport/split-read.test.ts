import { expect, it } from 'vitest';
import { splitRead } from './split-read.ts';

const answer = { bytes: Uint8Array.of(1, 10, 2, 10, 3), end: true };

it('gives all, and its end, unless less is wanted', () => {
  expect(splitRead(answer, {})).toEqual({ given: answer, rest: undefined });
  expect(splitRead(answer, { max: 99, termChar: 7 })).toEqual({ given: answer, rest: undefined });
  const empty = { bytes: new Uint8Array(0), end: true };
  expect(splitRead(empty, { max: 5 })).toEqual({ given: empty, rest: undefined });
});

it('ends at the termination character or the most bytes, whichever is first; the end is of the last piece', () => {
  const rest = { bytes: Uint8Array.of(2, 10, 3), end: true };
  expect(splitRead(answer, { termChar: 10 })).toEqual({ given: { bytes: Uint8Array.of(1, 10), end: false }, rest });
  expect(splitRead(answer, { termChar: 10, max: 1 }).given.bytes).toEqual(Uint8Array.of(1));
  expect(splitRead(answer, { max: 0 }).given.bytes).toEqual(Uint8Array.of(1));
  expect(splitRead(rest, { max: 3 }).given).toEqual(rest);
});
