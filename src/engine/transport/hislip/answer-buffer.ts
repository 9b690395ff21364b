import { ByteQueue } from '../../../core/byte-queue.ts';
import type { LabError } from '../../../core/errors.ts';
import { NO_MESSAGE_ID } from '../../../protocol/hislip-message-id.ts';
import { type PendingRead, READ_BUFFER_BYTES, ReadPlace } from '../read-buffer.ts';
import type { ReadOptions, ReadResult } from '../transport.ts';

/** Messages kept beside their bytes: empty ones take no room there. */
const MAX_MARKS = 4096;

/** Where a message of the instrument ends, counted in bytes since the beginning. */
interface Mark {
  at: number;
  id: number;
  isEnd: boolean;
}

export interface AnswerBufferOptions {
  limitBytes?: number | undefined;
  /** Called when the buffer is full, and when there is space again. */
  onFull: () => void;
  onSpace: () => void;
  /** The end of an answer was given to the application (RMT delivered, IVI-6.1 3.1.2). */
  onDelivered: () => void;
}

/** Answers as they come, taken by `read`: as ReadBuffer, with the ends of messages. */
export class AnswerBuffer {
  readonly #options: AnswerBufferOptions;
  readonly #limitBytes: number;
  readonly #queue: ByteQueue;
  #marks: Mark[] = [];
  #pushedTo = 0;
  #readTo = 0;
  readonly #place = new ReadPlace();
  #ended: LabError | undefined;
  #isFull = false;
  /** MessageID of the last message given to the application. */
  deliveredId = NO_MESSAGE_ID;

  constructor(options: AnswerBufferOptions) {
    this.#options = options;
    this.#limitBytes = options.limitBytes ?? READ_BUFFER_BYTES;
    // A paused wire still delivers the chunks that are on their way.
    this.#queue = new ByteQueue({ limitBytes: this.#limitBytes + 16 * 1024 * 1024 });
  }

  get isReading(): boolean {
    return this.#place.pending !== undefined;
  }

  /** Takes ownership of the bytes. `isLast`: the message of that id ends with them; `isEnd`: the answer too. */
  push(bytes: Uint8Array, id: number, isLast: boolean, isEnd: boolean): void {
    if (this.#ended) return;
    const { pending } = this.#place;
    const fits = pending !== undefined && pending.termChar === undefined && bytes.length <= pending.max;
    if (fits && this.#queue.length === 0 && this.#marks.length === 0 && (bytes.length > 0 || isEnd)) {
      this.#pushedTo += bytes.length;
      this.#readTo = this.#pushedTo;
      if (isLast) this.deliveredId = id;
      this.#deliver(pending, bytes, isEnd);
      return;
    }
    this.#queue.push(bytes);
    this.#pushedTo += bytes.length;
    if (isLast) this.#marks.push({ at: this.#pushedTo, id, isEnd });
    this.#serve();
    if (!this.#isFull && (this.#queue.length >= this.#limitBytes || this.#marks.length >= MAX_MARKS)) {
      this.#isFull = true;
      this.#options.onFull();
    }
  }

  /** What has come is dropped; a read that waits goes on waiting. */
  clear(): void {
    if (this.#queue.length === 0 && this.#marks.length === 0) return;
    this.#queue.clear();
    this.#marks = [];
    this.#readTo = this.#pushedTo;
    this.#checkSpace();
  }

  /** A read that waits rejects. */
  rejectRead(error: LabError): void {
    this.#place.pending?.reject(error);
  }

  /** The other side ended: reads first give what has arrived, then reject. */
  end(error: LabError): void {
    this.#ended ??= error;
    this.#serve();
  }

  read(options: ReadOptions = {}): Promise<ReadResult> {
    return this.#place.wait(options, () => this.#serve());
  }

  #deliver(pending: PendingRead, bytes: Uint8Array, end: boolean): void {
    if (end) this.#options.onDelivered();
    pending.resolve({ bytes, end });
  }

  #serve(): void {
    const { pending } = this.#place;
    if (!pending) return;
    const endAt = this.#marks.find((mark) => mark.isEnd)?.at;
    const count = this.#countFor(pending, endAt);
    const end = endAt !== undefined && this.#readTo + count === endAt;
    if (count > 0 || end) {
      const bytes = this.#queue.view(count) ?? new Uint8Array(0);
      this.#queue.skip(count);
      this.#readTo += count;
      this.#passMarks();
      this.#deliver(pending, bytes, end);
      this.#checkSpace();
    } else if (this.#ended && this.#queue.length === 0) pending.reject(this.#ended);
  }

  /** Marks up to where was read, but not beyond the end of one answer: an empty one may follow at the same place. */
  #passMarks(): void {
    for (let mark = this.#marks[0]; mark && mark.at <= this.#readTo; mark = this.#marks[0]) {
      this.deliveredId = mark.id;
      this.#marks.shift();
      if (mark.isEnd) return;
    }
  }

  /** How many bytes the read gets now; 0: it waits, unless an answer ends here. */
  #countFor(pending: PendingRead, endAt: number | undefined): number {
    const toEnd = endAt === undefined ? this.#queue.length : endAt - this.#readTo;
    const waiting = Math.min(toEnd, pending.max);
    if (pending.termChar === undefined || waiting === 0) return waiting;
    const found = this.#queue.indexOf(pending.termChar);
    if (found >= 0 && found < waiting) return found + 1;
    const mustGive =
      endAt !== undefined ||
      waiting === pending.max ||
      this.#ended !== undefined ||
      this.#queue.length >= this.#limitBytes;
    return mustGive ? waiting : 0;
  }

  #checkSpace(): void {
    if (!this.#isFull || this.#queue.length > this.#limitBytes / 2 || this.#marks.length > MAX_MARKS / 2) return;
    this.#isFull = false;
    this.#options.onSpace();
  }
}
