import { ByteQueue } from '../../core/byte-queue.ts';
import { LabError } from '../../core/errors.ts';
import type { ReadOptions, ReadResult } from './transport.ts';

/** Unread bytes held before the wire is paused. */
export const READ_BUFFER_BYTES = 1024 * 1024;
/** What one read gives at most unless it says otherwise. */
const READ_MAX_BYTES = 1024 * 1024;

/** A read that waits; settling it frees its place. */
export interface PendingRead {
  readonly max: number;
  readonly termChar: number | undefined;
  resolve(result: ReadResult): void;
  reject(error: unknown): void;
}

/**
 * Where the one read of a transport waits: a second is refused, an aborted one leaves at once. Who reads on and on with one signal is heard by one
 * listener: it stays until a read rejects or comes with another signal.
 */
export class ReadPlace {
  #pending: WaitingRead | undefined;
  #heard: AbortSignal | undefined;
  readonly #onAbort = (): void => {
    const { signal } = this.#pending ?? {};
    if (signal?.aborted) this.#pending?.reject(cancellation(signal));
  };

  get pending(): PendingRead | undefined {
    return this.#pending;
  }

  /** `serve`: called when the read has its place; what is there already may be given to it. */
  wait(options: ReadOptions, serve: () => void): Promise<ReadResult> {
    const { signal } = options;
    if (this.#pending) {
      return Promise.reject(
        new LabError('call.invalid', 'A read is waiting on this connection already; one at a time.'),
      );
    }
    if (signal?.aborted) return Promise.reject(cancellation(signal));
    return new Promise((resolve, reject) => {
      this.#pending = new WaitingRead(this, options, resolve, reject);
      if (signal && signal !== this.#heard) this.#listen(signal);
      serve();
    });
  }

  /** Its read is over. */
  free(isRejected: boolean): void {
    this.#pending = undefined;
    if (isRejected) this.#listen(undefined);
  }

  #listen(signal: AbortSignal | undefined): void {
    this.#heard?.removeEventListener('abort', this.#onAbort);
    this.#heard = signal;
    signal?.addEventListener('abort', this.#onAbort);
  }
}

class WaitingRead implements PendingRead {
  readonly max: number;
  readonly termChar: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly #place: ReadPlace;
  readonly #resolve: (result: ReadResult) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    place: ReadPlace,
    { max = READ_MAX_BYTES, termChar, signal }: ReadOptions,
    resolve: (result: ReadResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.max = Math.max(1, max);
    this.termChar = termChar;
    this.signal = signal;
    this.#place = place;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  resolve(result: ReadResult): void {
    this.#place.free(false);
    this.#resolve(result);
  }

  reject(error: unknown): void {
    this.#place.free(true);
    this.#reject(error);
  }
}

export interface ReadBufferOptions {
  limitBytes?: number | undefined;
  /** Called when the buffer is full, and when there is space again: pause and resume the wire. */
  onFull?: () => void;
  onSpace?: () => void;
}

/**
 * The reading half of a stream transport: chunks pushed by the system, taken by `read`. A chunk that comes while a read waits is handed
 * on as it is; others wait, and beyond the limit the wire is paused.
 */
export class ReadBuffer {
  readonly #queue: ByteQueue;
  readonly #limitBytes: number;
  readonly #options: ReadBufferOptions;
  readonly #place = new ReadPlace();
  #ended: LabError | undefined;
  #isFull = false;
  readonly #serveRead = (): void => this.#serve();

  constructor(options: ReadBufferOptions = {}) {
    this.#options = options;
    this.#limitBytes = options.limitBytes ?? READ_BUFFER_BYTES;
    // A paused wire still delivers the chunks that are on their way.
    this.#queue = new ByteQueue({ limitBytes: this.#limitBytes + 16 * 1024 * 1024 });
  }

  /** Unread bytes. */
  get length(): number {
    return this.#queue.length;
  }

  /** Takes ownership of the chunk: nobody may write it again. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#ended) return;
    const { pending } = this.#place;
    if (pending && this.#queue.length === 0 && pending.termChar === undefined && chunk.length <= pending.max) {
      pending.resolve({ bytes: chunk, end: false });
      return;
    }
    this.#queue.push(chunk);
    this.#serve();
    if (!this.#isFull && this.#queue.length >= this.#limitBytes) {
      this.#isFull = true;
      this.#options.onFull?.();
    }
  }

  /** The other side ended: reads first give what has arrived, then reject. */
  end(error: LabError): void {
    this.#ended ??= error;
    this.#serve();
  }

  /** Our side ends: what has arrived is dropped and a waiting read rejects at once. */
  abandon(error: LabError): void {
    this.#queue.clear();
    this.end(error);
  }

  read(options: ReadOptions = {}): Promise<ReadResult> {
    return this.#place.wait(options, this.#serveRead);
  }

  #serve(): void {
    const { pending } = this.#place;
    if (!pending) return;
    const count = this.#countFor(pending);
    if (count > 0) {
      const bytes = this.#queue.view(count);
      this.#queue.skip(count);
      if (bytes) pending.resolve({ bytes, end: false });
      if (this.#isFull && this.#queue.length <= this.#limitBytes / 2) {
        this.#isFull = false;
        this.#options.onSpace?.();
      }
    } else if (this.#ended && this.#queue.length === 0) {
      pending.reject(this.#ended);
    }
  }

  /** How many bytes the read gets now; 0: it waits. A full buffer without the termination character is given as it is, or it would wait for ever. */
  #countFor(pending: PendingRead): number {
    const waiting = Math.min(this.#queue.length, pending.max);
    if (pending.termChar === undefined || waiting === 0) return waiting;
    const found = this.#queue.indexOf(pending.termChar);
    if (found >= 0 && found < pending.max) return found + 1;
    const mustGive = waiting === pending.max || this.#ended !== undefined || this.#queue.length >= this.#limitBytes;
    return mustGive ? waiting : 0;
  }
}

/** What an aborted call rejects with: the reason of the signal if it is ours, else `call.cancelled`. */
export function cancellation(signal: AbortSignal): LabError {
  if (signal.reason instanceof LabError) return signal.reason;
  return new LabError('call.cancelled', 'Cancelled on request.', {}, { cause: signal.reason });
}
