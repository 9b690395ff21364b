import { ByteQueue } from '../../core/byte-queue.ts';
import { type ChecksumName, checksumSize, isChecksumRight } from './frame-checksum.ts';

/** How Serial Studio tells where a frame begins and ends. */
export const FRAME_MODES = ['end', 'start-end', 'start', 'none'] as const;
export type FrameMode = (typeof FRAME_MODES)[number];

export interface FrameOptions {
  mode: FrameMode;
  /** Mark before each frame; modes `start-end` and `start`. */
  start: Uint8Array;
  /** Mark after each frame; modes `end` and `start-end`. */
  end: Uint8Array;
  checksum: ChecksumName;
  /** A frame without its end grows so far; then it is dropped and counted. Default 64 KiB. */
  maxFrameBytes?: number;
  /** What came before we listened is half a frame: it is dropped uncounted (mode `end`). Default true. */
  dropsFirst?: boolean;
  /** A whole frame without its marks, its checksum right; borrowed for the call. */
  onFrame(payload: Uint8Array): void;
}

/**
 * Bytes to frames, marks and checksums as Serial Studio's projects have them:
 *
 *     end         payload END [checksum]           start       START payload [checksum] START …
 *     start-end   START payload END [checksum]     none        what one read gave is a frame: payload [checksum]
 *
 * A payload may hold the checksum bytes of chance, never the end mark. A frame with a wrong checksum, or longer than the limit, is dropped and
 * counted in `malformed`; reading goes on at the next mark.
 */
export class FrameSplitter {
  malformed = 0;
  readonly #options: FrameOptions;
  readonly #maxBytes: number;
  readonly #sumBytes: number;
  readonly #queue: ByteQueue;
  #isSkipping: boolean;
  /** The frame that grows has been counted already. */
  #isOverlong = false;

  constructor(options: FrameOptions) {
    this.#options = options;
    this.#maxBytes = options.maxFrameBytes ?? 64 * 1024;
    this.#sumBytes = checksumSize(options.checksum);
    this.#queue = new ByteQueue({ limitBytes: this.#maxBytes * 2 + 16 * 1024 * 1024 });
    this.#isSkipping = options.mode === 'end' && (options.dropsFirst ?? true);
  }

  push(chunk: Uint8Array): void {
    if (this.#options.mode === 'none') {
      if (chunk.length > 0) this.#take(chunk);
      return;
    }
    this.#queue.push(chunk.slice());
    while (this.#next());
    if (this.#queue.length <= this.#maxBytes) return;
    // No end in sight: all but what may be the beginning of a mark goes.
    if (!this.#isSkipping && !this.#isOverlong) this.malformed++;
    this.#isOverlong = true;
    this.#isSkipping = this.#options.mode === 'end';
    this.#queue.skip(this.#queue.length - this.#longestMark);
  }

  get #longestMark(): number {
    return Math.max(this.#options.start.length, this.#options.end.length);
  }

  /** One frame out of the queue; false: more bytes are needed. */
  #next(): boolean {
    const bytes = this.#queue.view(this.#queue.length);
    if (!bytes || bytes.length === 0) return false;
    const { mode, start, end } = this.#options;
    if (mode === 'start') return this.#nextFromStart(bytes, start);
    const from = mode === 'start-end' ? indexOf(bytes, start, 0) : 0;
    if (from < 0) return false;
    const payloadAt = mode === 'start-end' ? from + start.length : 0;
    const stop = indexOf(bytes, end, payloadAt);
    if (stop < 0) {
      if (from > 0) this.#queue.skip(from);
      return false;
    }
    const after = stop + end.length;
    if (bytes.length < after + this.#sumBytes) return false;
    // A start mark inside: the frame before it lost its end.
    const last = mode === 'start-end' ? lastIndexOf(bytes, start, payloadAt, stop) : -1;
    if (last >= 0) this.malformed++;
    const payload = bytes.subarray(last >= 0 ? last + start.length : payloadAt, stop);
    const sum = bytes.subarray(after, after + this.#sumBytes);
    const isFirst = this.#isSkipping;
    this.#isOverlong = false;
    this.#isSkipping = false;
    const isRight = isChecksumRight(this.#options.checksum, payload, sum);
    if (isRight && payload.length > 0 && !isFirst) this.#options.onFrame(payload);
    else if (!isRight && !isFirst) this.malformed++;
    // With a wrong checksum only the mark is known; what follows may be the next frame. Of the first frame only the beginning is missing.
    this.#queue.skip(isRight || isFirst ? after + this.#sumBytes : after);
    return true;
  }

  /** A frame reaches to the next start mark. */
  #nextFromStart(bytes: Uint8Array, start: Uint8Array): boolean {
    const from = indexOf(bytes, start, 0);
    if (from < 0) return false;
    if (from > 0) {
      this.#queue.skip(from);
      return true;
    }
    const stop = indexOf(bytes, start, start.length);
    if (stop < 0) return false;
    this.#isSkipping = false;
    this.#isOverlong = false;
    this.#take(bytes.subarray(start.length, stop));
    this.#queue.skip(stop);
    return true;
  }

  /** Payload with its checksum behind it. */
  #take(frame: Uint8Array): void {
    const payload = frame.subarray(0, Math.max(0, frame.length - this.#sumBytes));
    const isRight =
      frame.length > this.#sumBytes && isChecksumRight(this.#options.checksum, payload, frame.subarray(payload.length));
    if (isRight) this.#options.onFrame(payload);
    else this.malformed++;
  }
}

function indexOf(bytes: Uint8Array, mark: Uint8Array, from: number): number {
  const first = mark[0];
  if (first === undefined) return -1;
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (at + mark.length > bytes.length) return -1;
    if (mark.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}

/** The last mark that lies whole in `bytes[from, to)`; -1: none. */
function lastIndexOf(bytes: Uint8Array, mark: Uint8Array, from: number, to: number): number {
  let found = -1;
  for (let at = indexOf(bytes, mark, from); at >= 0 && at + mark.length <= to; at = indexOf(bytes, mark, at + 1))
    found = at;
  return found;
}
