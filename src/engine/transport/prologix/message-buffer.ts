import type { ByteQueue } from '../../../core/byte-queue.ts';
import type { ReadOptions, ReadResult } from '../transport.ts';

const READ_MAX_BYTES = 1024 * 1024;

/**
 * What a read gives of a message that is here as far as `isEnded` says; undefined: it must wait for more. With a termination character bytes wait
 * for it, until `READ_MAX_BYTES` are here.
 */
export function takeFrom(
  data: ByteQueue,
  isEnded: boolean,
  { max = READ_MAX_BYTES, termChar }: ReadOptions,
): ReadResult | undefined {
  const limit = Math.min(Math.max(1, max), READ_MAX_BYTES, data.length);
  const found = termChar === undefined ? -1 : data.indexOf(termChar);
  const isFound = found >= 0 && found < limit;
  const mustWait = termChar !== undefined && !isFound && !isEnded && limit < Math.min(max, READ_MAX_BYTES);
  if (mustWait || (limit === 0 && !isEnded)) return undefined;
  const bytes = data.take(isFound ? found + 1 : limit) ?? new Uint8Array(0);
  return { bytes, end: isEnded && data.length === 0 };
}
