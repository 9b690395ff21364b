import { LabError } from './errors.ts';

/** Chunks below this are gathered in a block of our own: a wire that delivers single bytes costs no chunk each. */
const SMALL_BYTES = 2048;
const BLOCK_BYTES = 8192;

/** Limit of unread bytes unless the codec says otherwise. */
export const BYTE_QUEUE_LIMIT_BYTES = 128 * 1024 * 1024;

/**
 * Bytes from a wire, waiting to be understood. Large chunks are kept as they came, not copied; bytes are copied once, when
 * taken (or viewed) across chunks. Every byte is searched once: `indexOf` goes on where the last search for that byte ended.
 *
 *     queue.push(chunk);                                   // borrows: nobody may write the chunk again
 *     for (let end = queue.indexOf(10); end >= 0; end = queue.indexOf(10)) {
 *       parse(queue.view(end));                            // borrows the chunk, or the one copy that joined several
 *       queue.skip(end + 1);
 *     }
 *
 * "Not enough yet" is `undefined` or -1. `push` throws `protocol.too-long` when more than `limitBytes` would wait; the chunk is
 * then not taken and what waited is unchanged: the caller quarantines the wire and calls `clear`.
 */
export class ByteQueue {
  readonly limitBytes: number;
  #chunks: Uint8Array[] = [];
  /** Index of the first unread chunk and offset of the first unread byte in it. */
  #head = 0;
  #offset = 0;
  #length = 0;
  /** Block that gathers small chunks, how far it is filled, and whether the last of `#chunks` is a view of its end. */
  #block: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  #endsInBlock = false;
  /** Where the last access was: chunk index and position of its first byte, relative to the unread bytes. */
  #atChunk = 0;
  #atStart = 0;
  /** Last searched byte, and how many unread bytes are known not to hold it. */
  #soughtByte = -1;
  #searched = 0;

  constructor(options: { limitBytes?: number | undefined } = {}) {
    this.limitBytes = options.limitBytes ?? BYTE_QUEUE_LIMIT_BYTES;
  }

  /** Unread bytes. */
  get length(): number {
    return this.#length;
  }

  /** Adds bytes at the end. Throws `protocol.too-long` beyond the limit. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#length + chunk.length > this.limitBytes) {
      throw new LabError(
        'protocol.too-long',
        `${this.#length + chunk.length} bytes came without an end; the limit is ${this.limitBytes}. Nothing of it can be used. ` +
          'Check the termination character and baud rate, or raise the limit for this instrument.',
        { limitBytes: this.limitBytes, waitingBytes: this.#length + chunk.length },
      );
    }
    this.#length += chunk.length;
    if (chunk.length >= SMALL_BYTES) {
      this.#chunks.push(chunk);
      this.#endsInBlock = false;
    } else this.#gather(chunk);
  }

  /** Byte at a position of the unread bytes; undefined if it has not come yet. */
  peek(position = 0): number | undefined {
    if (position < 0 || position >= this.#length) return undefined;
    this.#seek(position);
    return this.#chunks[this.#atChunk]?.[position - this.#atStart + this.#offsetOf(this.#atChunk)];
  }

  /** Position of the first such byte at or after `from`, or -1. */
  indexOf(byte: number, from = 0): number {
    if (byte !== this.#soughtByte) {
      this.#soughtByte = byte;
      this.#searched = 0;
    }
    let position = Math.max(from, this.#searched);
    const isContinuous = from <= this.#searched;
    while (position < this.#length) {
      this.#seek(position);
      const chunk = this.#chunks[this.#atChunk];
      if (!chunk) break;
      const shift = this.#atStart - this.#offsetOf(this.#atChunk);
      const found = chunk.indexOf(byte, position - shift);
      if (found >= 0) {
        if (isContinuous) this.#searched = found + shift;
        return found + shift;
      }
      position = chunk.length + shift;
    }
    if (isContinuous) this.#searched = this.#length;
    return -1;
  }

  /**
   * The first `length` bytes in one piece, left in the queue; undefined if they have not all come. The view borrows the chunk
   * (or the one copy that joined several) and stays valid for as long as the chunk's giver does not write it.
   */
  view(length: number): Uint8Array | undefined {
    if (length > this.#length) return undefined;
    if (length === 0) return new Uint8Array(0);
    const first = this.#chunks[this.#head];
    if (!first) return undefined;
    if (this.#offset + length > first.length) this.#join(length);
    const joined = this.#chunks[this.#head];
    return joined?.subarray(this.#offset, this.#offset + length);
  }

  /** Removes the first `length` bytes and gives them in a buffer of their own; undefined if they have not all come. */
  take(length: number): Uint8Array<ArrayBuffer> | undefined {
    if (length > this.#length) return undefined;
    const bytes = this.#copy(length);
    this.skip(length);
    return bytes;
  }

  /** Removes up to `length` bytes; gives how many. */
  skip(length: number): number {
    const count = Math.min(Math.max(0, length), this.#length);
    let rest = count;
    while (rest > 0) {
      const left = (this.#chunks[this.#head]?.length ?? 0) - this.#offset;
      if (rest < left) {
        this.#offset += rest;
        break;
      }
      rest -= left;
      this.#chunks[this.#head++] = EMPTY;
      this.#offset = 0;
    }
    this.#length -= count;
    this.#searched = Math.max(0, this.#searched - count);
    if (this.#length === 0) {
      this.#chunks = [];
      this.#head = 0;
      this.#offset = 0;
      this.#endsInBlock = false;
    } else if (this.#head > 64 && this.#head * 2 > this.#chunks.length) {
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
    this.#atChunk = this.#head;
    this.#atStart = 0;
    return count;
  }

  /** Removes everything; gives how many bytes were dropped. */
  clear(): number {
    return this.skip(this.#length);
  }

  #offsetOf(chunk: number): number {
    return chunk === this.#head ? this.#offset : 0;
  }

  /** Moves the cursor to the chunk that holds the position. */
  #seek(position: number): void {
    if (position < this.#atStart || this.#atChunk < this.#head) {
      this.#atChunk = this.#head;
      this.#atStart = 0;
    }
    for (;;) {
      const left = (this.#chunks[this.#atChunk]?.length ?? 0) - this.#offsetOf(this.#atChunk);
      if (position < this.#atStart + left || this.#atChunk >= this.#chunks.length) return;
      this.#atStart += left;
      this.#atChunk++;
    }
  }

  #copy(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    let offset = this.#offset;
    for (let index = this.#head; filled < length; index++) {
      const chunk = this.#chunks[index];
      if (!chunk) break;
      const part = chunk.subarray(offset, offset + length - filled);
      bytes.set(part, filled);
      filled += part.length;
      offset = 0;
    }
    return bytes;
  }

  /** Makes the first `length` bytes one chunk, by one copy. */
  #join(length: number): void {
    const joined = this.#copy(length);
    let rest = length + this.#offset;
    let end = this.#head;
    for (; end < this.#chunks.length; end++) {
      const size = this.#chunks[end]?.length ?? 0;
      if (rest < size) break;
      rest -= size;
    }
    const cut = this.#chunks[end];
    if (cut && rest > 0) this.#chunks[end] = cut.subarray(rest);
    if (end === this.#chunks.length) this.#endsInBlock = false;
    this.#chunks.splice(this.#head, end - this.#head, joined);
    this.#offset = 0;
    this.#atChunk = this.#head;
    this.#atStart = 0;
  }

  /** Appends a small chunk to our block. Bytes already in the block never change, so views of them stay valid. */
  #gather(chunk: Uint8Array): void {
    if (!this.#block || this.#filled + chunk.length > this.#block.length) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#filled = 0;
      this.#endsInBlock = false;
    }
    this.#block.set(chunk, this.#filled);
    const last = this.#chunks.length - 1;
    const tail = this.#endsInBlock && last >= this.#head ? this.#chunks[last] : undefined;
    const start = tail ? tail.byteOffset : this.#filled;
    this.#filled += chunk.length;
    if (tail) this.#chunks[last] = this.#block.subarray(start, this.#filled);
    else this.#chunks.push(this.#block.subarray(start, this.#filled));
    this.#endsInBlock = true;
  }
}

const EMPTY = new Uint8Array(0);
