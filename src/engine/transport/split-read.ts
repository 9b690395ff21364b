import type { ReadOptions, ReadResult } from './transport.ts';

/** As much of an answer as a read may have, and what is left of it for the next one. Both borrow its bytes. */
export function splitRead(
  { bytes, end }: ReadResult,
  { max = bytes.length, termChar }: Pick<ReadOptions, 'max' | 'termChar'>,
): { given: ReadResult; rest: ReadResult | undefined } {
  const found = termChar === undefined ? -1 : bytes.indexOf(termChar);
  const count = Math.min(bytes.length, Math.max(1, max), found < 0 ? bytes.length : found + 1);
  if (count === bytes.length) return { given: { bytes, end }, rest: undefined };
  return { given: { bytes: bytes.subarray(0, count), end: false }, rest: { bytes: bytes.subarray(count), end } };
}
