import type { Clock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../core/errors.ts';
import { cancellation, ReadBuffer } from './read-buffer.ts';
import type { ReadOptions, ReadResult, Transport } from './transport.ts';

/** What the wire does to the bytes of the device on their way to us; may be changed at any time. */
export interface MemoryWireKnobs {
  /** Every chunk of the device comes so much later; order is kept. */
  delayMs: number;
  /** Chunks are cut into pieces of so many bytes; 0: as sent. */
  splitBytes: number;
  /** Chunks of the device that still vanish. */
  dropChunks: number;
  /** The device takes nothing in: writes wait. */
  isHung: boolean;
}

export interface MemoryWireOptions {
  clock: Clock;
  resource?: string | undefined;
  bufferBytes?: number | undefined;
  knobs?: Partial<MemoryWireKnobs> | undefined;
}

/** The far end: what an instrument sees. */
export interface MemoryDevice {
  readonly knobs: MemoryWireKnobs;
  /** Bytes written by the transport, copied. One listener. */
  onBytes(listener: (bytes: Uint8Array) => void): void;
  /** Sends; resolves when the transport has room again (back-pressure). */
  send(bytes: Uint8Array): Promise<void>;
  /** Ends the connection; what was sent before still arrives. */
  hangUp(): void;
  /** The transport was disposed or the wire ended. */
  readonly isClosed: boolean;
}

/** A transport without a system below it, and the device at its other end: for tests on a manual clock and for replays. */
export function createMemoryWire(options: MemoryWireOptions): { transport: Transport; device: MemoryDevice } {
  const wire = new MemoryWire(options);
  return { transport: wire, device: wire };
}

class MemoryWire implements Transport, MemoryDevice {
  readonly resource: string;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly knobs: MemoryWireKnobs;
  readonly #clock: Clock;
  readonly #buffer: ReadBuffer;
  readonly #closed = createDeferred<{ code: ErrorCode; message: string }>();
  #ended: LabError | undefined;
  #listener: ((bytes: Uint8Array) => void) | undefined;
  #untaken: Uint8Array[] = [];
  /** Due time of the last chunk under way: order is kept when the delay shrinks. */
  #lastDueMs = 0;
  #underWay: { dueMs: number; action: () => void }[] = [];
  #room: { promise: Promise<void>; resolve(): void } | undefined;
  #hungWrites: (() => void)[] = [];

  constructor(options: MemoryWireOptions) {
    this.resource = options.resource ?? 'MEMORY::INSTR';
    this.#clock = options.clock;
    this.knobs = { delayMs: 0, splitBytes: 0, dropChunks: 0, isHung: false, ...options.knobs };
    this.closed = this.#closed.promise;
    this.#buffer = new ReadBuffer({
      limitBytes: options.bufferBytes,
      onFull: () => {
        const { promise, resolve } = createDeferred<void>();
        this.#room = { promise, resolve: () => resolve() };
      },
      onSpace: () => this.#makeRoom(),
    });
  }

  get isClosed(): boolean {
    return this.#ended !== undefined;
  }

  async write(bytes: Uint8Array, { signal }: { end?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (signal?.aborted) throw cancellation(signal);
    const copy = new Uint8Array(bytes);
    if (this.knobs.isHung) {
      await new Promise<void>((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(cancellation(signal)), { once: true });
        this.#hungWrites.push(resolve);
      });
      if (this.#ended) throw this.#ended;
    }
    if (this.#listener) this.#listener(copy);
    else this.#untaken.push(copy);
  }

  read(options?: ReadOptions): Promise<ReadResult> {
    return this.#buffer.read(options);
  }

  onBytes(listener: (bytes: Uint8Array) => void): void {
    this.#listener = listener;
    for (const bytes of this.#untaken.splice(0)) listener(bytes);
  }

  send(bytes: Uint8Array): Promise<void> {
    if (this.#ended) return Promise.resolve();
    if (this.knobs.dropChunks > 0) {
      this.knobs.dropChunks--;
      return Promise.resolve();
    }
    const size = this.knobs.splitBytes > 0 ? this.knobs.splitBytes : Math.max(1, bytes.length);
    for (let at = 0; at < bytes.length; at += size) this.#deliver(bytes.slice(at, at + size));
    return this.#room?.promise ?? Promise.resolve();
  }

  hangUp(): void {
    this.#later(() => this.#end(new LabError('transport.closed', `The device hung up (${this.resource}).`)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) {
      const ended = new LabError('transport.closed', `The connection was closed here (${this.resource}).`);
      this.#buffer.abandon(ended);
      this.#end(ended);
    }
    await this.closed;
  }

  #deliver(chunk: Uint8Array): void {
    this.#later(() => this.#buffer.push(chunk));
  }

  /** In order, whatever the timers of the clock do. */
  #later(action: () => void): void {
    const nowMs = this.#clock.monotonicMs();
    this.#lastDueMs = Math.max(nowMs + this.knobs.delayMs, this.#lastDueMs);
    this.#underWay.push({ dueMs: this.#lastDueMs, action });
    if (this.#underWay.length === 1) this.#arrive();
  }

  #arrive(): void {
    for (let first = this.#underWay[0]; first; first = this.#underWay[0]) {
      const leftMs = first.dueMs - this.#clock.monotonicMs();
      if (leftMs > 0) {
        this.#clock.after(leftMs, () => this.#arrive());
        return;
      }
      this.#underWay.shift();
      first.action();
    }
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #end(error: LabError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#buffer.end(error);
    this.#closed.resolve({ code: error.code, message: error.message });
    this.#makeRoom();
    for (const resume of this.#hungWrites.splice(0)) resume();
  }
}
