import { ByteQueue } from '../core/byte-queue.ts';
import { LabError } from '../core/errors.ts';

const LAST_FRAGMENT = 0x8000_0000;
const MARK_BYTES = 4;

export interface RecordLimits {
  /** Longest record taken; default 16 MiB. */
  maxRecordBytes?: number | undefined;
  /** Most fragments of one record, empty ones count; default 65,536. */
  maxFragments?: number | undefined;
}

/** A message as it goes over a stream, RFC 5531 11: fragments of at most `fragmentBytes`, each behind its mark. */
export function markRecord(message: Uint8Array, fragmentBytes = 0x7fff_ffff): Uint8Array {
  const fragments = Math.max(1, Math.ceil(message.length / fragmentBytes));
  const bytes = new Uint8Array(message.length + fragments * MARK_BYTES);
  const view = new DataView(bytes.buffer);
  for (let index = 0, at = 0; index < fragments; index++) {
    const part = message.subarray(index * fragmentBytes, (index + 1) * fragmentBytes);
    view.setUint32(at, index === fragments - 1 ? LAST_FRAGMENT + part.length : part.length);
    bytes.set(part, at + MARK_BYTES);
    at += MARK_BYTES + part.length;
  }
  return bytes;
}

/** Records out of a stream, however it is cut: marks of RFC 5531 11, fragments joined. */
export class RecordReader {
  readonly #maxRecordBytes: number;
  readonly #maxFragments: number;
  readonly #queue: ByteQueue;
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  /** Of the fragment that is coming; undefined: its mark is not there yet. */
  #fragment: { length: number; isLast: boolean } | undefined;

  constructor({ maxRecordBytes = 16 * 1024 * 1024, maxFragments = 65_536 }: RecordLimits = {}) {
    this.#maxRecordBytes = maxRecordBytes;
    this.#maxFragments = maxFragments;
    this.#queue = new ByteQueue({ limitBytes: maxRecordBytes + 16 * 1024 * 1024 });
  }

  /**
   * Every record that these bytes finish; they are the caller's to keep. Borrows the chunk (nobody may write it again). Throws
   * `protocol.too-long` for a record beyond the limits; nothing that comes after can be understood then.
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    const whole = this.#wholeRecord(chunk);
    if (whole) {
      yield whole;
      return;
    }
    this.#queue.push(chunk);
    for (;;) {
      this.#fragment ??= this.#takeMark();
      if (!this.#fragment || this.#queue.length < this.#fragment.length) return;
      const { length, isLast } = this.#fragment;
      this.#fragment = undefined;
      this.#parts.push(length > 0 ? (this.#queue.take(length) ?? new Uint8Array(0)) : new Uint8Array(0));
      this.#partBytes += length;
      if (isLast) yield this.#join();
    }
  }

  /** One record in one fragment in one chunk, as most come: nothing is copied. */
  #wholeRecord(chunk: Uint8Array): Uint8Array | undefined {
    if (this.#fragment || this.#parts.length > 0 || this.#queue.length > 0 || chunk.length < MARK_BYTES)
      return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = chunk;
    const length = (((a & 0x7f) << 24) | (b << 16) | (c << 8) | d) >>> 0;
    const isWhole = a >= 0x80 && length === chunk.length - MARK_BYTES && length <= this.#maxRecordBytes;
    return isWhole ? new Uint8Array(chunk.buffer, chunk.byteOffset + MARK_BYTES, length) : undefined;
  }

  #takeMark(): { length: number; isLast: boolean } | undefined {
    const mark = this.#queue.take(MARK_BYTES);
    if (!mark) return undefined;
    const word = new DataView(mark.buffer, mark.byteOffset).getUint32(0);
    const isLast = word >= LAST_FRAGMENT;
    const length = isLast ? word - LAST_FRAGMENT : word;
    if (this.#partBytes + length > this.#maxRecordBytes || this.#parts.length >= this.#maxFragments) {
      throw new LabError(
        'protocol.too-long',
        `The other side begins an RPC message of more than ${this.#maxRecordBytes} bytes or ${this.#maxFragments} fragments. ` +
          'The connection cannot be used on. If it stays, the port belongs to another service.',
        { limitBytes: this.#maxRecordBytes },
      );
    }
    return { length, isLast };
  }

  #join(): Uint8Array {
    const parts = this.#parts;
    const only = parts[0];
    const record = parts.length === 1 && only ? only : new Uint8Array(this.#partBytes);
    if (parts.length > 1) {
      let at = 0;
      for (const part of parts) {
        record.set(part, at);
        at += part.length;
      }
    }
    this.#parts = [];
    this.#partBytes = 0;
    return record;
  }
}
