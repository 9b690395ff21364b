import type { ByteQueue } from '../core/byte-queue.ts';
import { LabError } from '../core/errors.ts';
import { decodeLatin1 } from './scpi-line.ts';

export interface Block488Options {
  /** Longest block taken; default 256 MiB. A header that announces more is refused before anything is kept. */
  maxBlockBytes?: number | undefined;
  /** The way said END: ends an indefinite block, and what waits is the whole message. */
  isEnd?: boolean | undefined;
  /** Do not wait for the terminator after the data: it did not come in its time (the 488.2 terminator is mandatory, some devices forget it). */
  isTailOptional?: boolean | undefined;
}

export const MAX_BLOCK_BYTES = 256 * 1024 * 1024;

const HASH = 0x23;
const ZERO = 0x30;
const LF = 10;

/** Header of a block at the front of the queue: where the data starts and how long it is (`undefined`: indefinite). */
interface BlockHeader {
  start: number;
  length: number | undefined;
}

/** Whether what waits can be a block: `#` and a digit (`#H1F` is a number). Undefined: not enough yet. */
export function startsBlock(queue: ByteQueue): boolean | undefined {
  const first = queue.peek();
  if (first === undefined) return undefined;
  if (first !== HASH) return false;
  const digit = queue.peek(1);
  return digit === undefined ? undefined : digit >= ZERO && digit <= ZERO + 9;
}

/** Whether the announced data is all there, and only the terminator after it is missing. */
export function awaitsBlockTail(queue: ByteQueue): boolean {
  if (startsBlock(queue) !== true) return false;
  const header = parseHeader(queue, MAX_BLOCK_BYTES);
  return header?.length !== undefined && queue.length === header.start + header.length;
}

/**
 * Takes an arbitrary block: IEEE 488.2 8.7.9 definite (`#` d, d digits n, n bytes, NL) or 8.7.10 indefinite (`#0`, bytes, NL^END).
 * The data is never searched for LF before the announced length is consumed. Terminators after it (CR, LF, spaces; several are tolerated) are
 * taken as far as they have come. The result owns its bytes; `undefined`: not all has come.
 *
 * Throws `protocol.malformed` (no block, a header that lies, an indefinite block on a way without END) and `protocol.too-long`;
 * the queue then holds what it held, and the caller quarantines the wire.
 */
export function takeBlock488(queue: ByteQueue, options: Block488Options = {}): Uint8Array<ArrayBuffer> | undefined {
  const maxBytes = options.maxBlockBytes ?? MAX_BLOCK_BYTES;
  const isBlock = startsBlock(queue);
  if (isBlock === undefined) return undefined;
  if (!isBlock) throw notABlock(queue);
  const header = parseHeader(queue, maxBytes);
  if (!header) return options.isEnd ? cutShort(queue) : undefined;
  if (header.length === undefined) return takeIndefinite(queue, options, maxBytes);
  const end = header.start + header.length;
  if (queue.length < end) return options.isEnd ? cutShort(queue) : undefined;
  const tail = queue.peek(end);
  if (tail === undefined && !options.isTailOptional && !options.isEnd) return undefined;
  if (tail !== undefined && !isTail(tail)) {
    throw new LabError(
      'protocol.malformed',
      `The block announced ${header.length} bytes, but data goes on after them. Its length cannot be trusted, so the data is not used. Read it again.`,
      { announcedBytes: header.length },
    );
  }
  queue.skip(header.start);
  const data = queue.take(header.length);
  skipTail(queue);
  return data;
}

function parseHeader(queue: ByteQueue, maxBytes: number): BlockHeader | undefined {
  const digits = (queue.peek(1) ?? ZERO) - ZERO;
  if (digits === 0) return { start: 2, length: undefined };
  let length = 0;
  for (let index = 0; index < digits; index++) {
    const byte = queue.peek(2 + index);
    if (byte === undefined) return undefined;
    if (byte < ZERO || byte > ZERO + 9) throw notABlock(queue);
    length = length * 10 + byte - ZERO;
  }
  if (length > maxBytes) {
    throw new LabError(
      'protocol.too-long',
      `The instrument announces a block of ${length} bytes; the limit is ${maxBytes}. Nothing was kept. ` +
        'Ask for fewer points, or raise maxBlockBytes for this instrument.',
      { announcedBytes: length, maxBlockBytes: maxBytes },
    );
  }
  return { start: 2 + digits, length };
}

function takeIndefinite(
  queue: ByteQueue,
  options: Block488Options,
  maxBytes: number,
): Uint8Array<ArrayBuffer> | undefined {
  if (options.isEnd === undefined) {
    throw new LabError(
      'protocol.malformed',
      'The instrument sends a block of indefinite length (#0), whose end a socket or serial line cannot show. ' +
        'Set the instrument to definite blocks, or attach it over USB, VXI-11 or GPIB.',
    );
  }
  if (queue.length - 2 > maxBytes) {
    throw new LabError('protocol.too-long', `More than ${maxBytes} bytes of an indefinite block came without END.`, {
      maxBlockBytes: maxBytes,
    });
  }
  if (!options.isEnd) return undefined;
  queue.skip(2);
  const hasNewline = queue.peek(queue.length - 1) === LF;
  const data = queue.take(queue.length - (hasNewline ? 1 : 0));
  queue.clear();
  return data;
}

function cutShort(queue: ByteQueue): never {
  throw new LabError(
    'protocol.malformed',
    `The block ended after ${queue.length} bytes, before its announced length. The data is not used. Read it again.`,
    { waitingBytes: queue.length },
  );
}

function notABlock(queue: ByteQueue): LabError {
  const shown = decodeLatin1(queue.view(Math.min(40, queue.length)) ?? new Uint8Array(0)).replace(/[^\x20-\x7e]/g, '·');
  return new LabError(
    'protocol.malformed',
    `Expected a data block (#…), but the instrument answered '${shown}'. Nothing was kept. Its error queue may say why.`,
    { received: shown },
  );
}

function isTail(byte: number): boolean {
  return byte === LF || byte === 13 || byte === 0x20;
}

function skipTail(queue: ByteQueue): void {
  for (let next = queue.peek(); next !== undefined && isTail(next); next = queue.peek()) queue.skip(1);
}
