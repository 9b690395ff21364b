import { createDeferred, type Deferred } from '../../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../../core/errors.ts';
import { abortable } from '../abortable.ts';
import { cancellation } from '../read-buffer.ts';
import { splitRead } from '../split-read.ts';
import type { ReadOptions, ReadResult, Transport, TransportControl, WriteOptions } from '../transport.ts';
import { vendorControl } from './vendor-control.ts';
import type { VisaCall, VisaRead, VisaValue, VisaWrite } from './visa-messages.ts';
import type { VisaProcess } from './visa-process.ts';

const WRITE_MS = 10_000;
const READ_BYTES = 1024 * 1024;
const NOTHING = new Uint8Array(0);

/** A read somebody waits for. */
interface WaitingRead {
  options: { max: number; termChar?: number };
  result: Deferred<ReadResult>;
  /** The end of the message came with it. */
  hasEnded: boolean;
}

/**
 * A session of the vendor's VISA. The library cannot be interrupted: an aborted read rejects at once, and its call in the library ends with
 * the slice it is in; what that still brings is for the next read, unless a clear or a new message comes first.
 *
 *     read ──nothing asked──▶ parked ──a message is sent──▶ behind it ──taken──▶ in the library ──▶ given
 *       │                        ▲ │                            │                     ▲
 *       │                        │ └──asked meanwhile───────────┼─────────────────────┤
 *       └──asked before──────────┼──────────────────────────────┼─────────────────────┘
 *                                └──────────────────────refused─┘
 */
export class VendorTransport implements Transport {
  readonly resource: string;
  readonly isMessageBased: boolean;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly control: TransportControl;
  readonly #process: VisaProcess;
  readonly #session: number;
  /** Longest wait of the library for its next byte before it looks whether somebody still waits. */
  readonly #sliceMs: number;
  readonly #closeMs: number;
  readonly #release: () => void;
  readonly #closed = createDeferred<{ code: ErrorCode; message: string }>();
  readonly #endWatch: Disposable;
  #pending: WaitingRead | undefined;
  /** The one of a message-based way that waits until something is asked. */
  #parked: WaitingRead | undefined;
  /** The read call in the library, or behind a write that is there. */
  #inLibrary: Promise<unknown> = Promise.resolve();
  /** What the library still brought for a read that was given up; dropped by a clear or the next message. */
  #late: ReadResult | undefined;
  #generation = 0;
  /** The call of a read that was given up: nothing is sent before it has ended, or it would take the next answer. */
  #orphan: Promise<unknown> = Promise.resolve();
  /** The last write or clear: writes follow each other. */
  #sending: Promise<unknown> = Promise.resolve();
  /** A write is in the library. */
  #isWriting = false;
  #clears = 0;
  #isAsked = false;
  #ended: LabError | undefined;
  #disposed: Promise<void> | undefined;

  constructor(
    resource: string,
    process: VisaProcess,
    session: number,
    about: { isMessageBased: boolean; sliceMs: number; closeMs: number; release: () => void },
  ) {
    this.resource = resource;
    this.#process = process;
    this.#session = session;
    this.#sliceMs = about.sliceMs;
    this.#closeMs = about.closeMs;
    this.#release = about.release;
    this.isMessageBased = about.isMessageBased;
    this.closed = this.#closed.promise;
    this.control = vendorControl({
      session,
      sliceMs: about.sliceMs,
      ask: (request, doing, signal) => this.#ask(request, doing, signal),
      clear: (signal) => this.#clear(signal),
    });
    this.#endWatch = process.onEnded(resource, (reason) => this.#end(reason));
  }

  write(bytes: Uint8Array, { end = false, signal }: WriteOptions = {}): Promise<void> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (signal?.aborted) return Promise.reject(cancellation(signal));
    if (this.isMessageBased) this.#forget();
    const generation = this.#generation;
    const clears = this.#clears;
    const sending = this.#sending
      .then(() => this.#orphan)
      .then(() => {
        if (signal?.aborted) throw cancellation(signal);
        if (clears !== this.#clears) throw cleared('Nothing of this message was sent.');
        return this.#send(bytes, end, generation);
      });
    this.#sending = sending.catch(() => {});
    return abortable(sending, signal);
  }

  /** `generation`: as of the call. */
  async #send(bytes: Uint8Array, end: boolean, generation: number): Promise<void> {
    // What a read that was given up still brought.
    if (this.isMessageBased) this.#late = undefined;
    const message = { call: 'write', session: this.#session, bytes, end, ...this.#writeTimes() } as const;
    const isAsking = end && generation === this.#generation;
    const read = isAsking ? this.#parked : undefined;
    this.#isWriting = true;
    try {
      if (read) await this.#exchange(message, read);
      else await this.#ask(message, 'Cannot send', undefined);
    } finally {
      this.#isWriting = false;
    }
    // A clear or another message has overtaken it: it is not answered.
    if (!isAsking || generation !== this.#generation) return;
    // The answer may have come with the news that the message was taken.
    this.#isAsked = !read?.hasEnded;
    this.#unpark();
  }

  /** A message that takes the read of its answer along. Resolves when the message is taken. */
  async #exchange(message: Omit<VisaWrite, 'answer'>, read: WaitingRead): Promise<void> {
    this.#parked = undefined;
    const { writing, reading } = this.#process.exchange(message, this.#slice(read), this.resource);
    this.#arrive(this.#watch(reading), read);
    await this.#watch(writing);
  }

  /**
   * The library has one timeout for both directions. Messages go out when nothing is read; on a stream a read waits all the time, and its slices must
   * stay short.
   */
  #writeTimes(): { timeoutMs: number; tries: number } {
    if (this.isMessageBased) return { timeoutMs: WRITE_MS, tries: 1 };
    return { timeoutMs: this.#sliceMs, tries: Math.ceil(WRITE_MS / this.#sliceMs) };
  }

  read(options: ReadOptions = {}): Promise<ReadResult> {
    const { signal } = options;
    if (this.#ended) return Promise.reject(this.#ended);
    if (this.#pending) {
      return Promise.reject(
        new LabError('call.invalid', 'A read is waiting on this instrument already; one at a time.'),
      );
    }
    if (signal?.aborted) return Promise.reject(cancellation(signal));
    const { max = READ_BYTES, termChar } = options;
    const read: WaitingRead = {
      options: { max: Math.max(1, Math.min(max, READ_BYTES)), ...(termChar === undefined ? {} : { termChar }) },
      result: createDeferred<ReadResult>(),
      hasEnded: false,
    };
    this.#pending = read;
    const onAbort = (): void => {
      if (signal) this.#giveUp(cancellation(signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    void this.#fetch(read);
    return read.result.promise.finally(() => {
      signal?.removeEventListener('abort', onAbort);
      if (this.#pending === read) this.#pending = undefined;
    });
  }

  async #fetch(read: WaitingRead): Promise<void> {
    await this.#inLibrary;
    if (this.#pending !== read) return;
    if (this.#late) {
      read.result.resolve(this.#takeLate(this.#late, read.options));
    } else if (this.isMessageBased && !this.#isAsked) {
      // Nothing asked, nothing to wait for: the instrument would note -420.
      this.#parked = read;
    } else {
      const request = { call: 'read', session: this.#session, ...this.#slice(read) } as const;
      this.#arrive(this.#ask(request, 'Cannot read', undefined), read);
    }
  }

  #slice({ options }: WaitingRead): Pick<VisaRead, 'max' | 'termChar' | 'sliceMs'> {
    return { ...options, sliceMs: this.#sliceMs };
  }

  /** What comes is for `read`, or late. */
  #arrive(reading: Promise<VisaValue>, read: WaitingRead): void {
    const generation = this.#generation;
    this.#inLibrary = reading.then(
      ({ bytes = NOTHING, ended }) => {
        const end = this.isMessageBased && ended === 'end';
        const isWanted = this.#pending === read;
        if (!isWanted && generation !== this.#generation) return;
        if (end) {
          this.#isAsked = false;
          read.hasEnded = true;
        }
        if (!isWanted) {
          if (bytes.length > 0) this.#late = { bytes, end };
        } else if (ended === 'stopped') {
          // The message it went with was refused.
          void this.#fetch(read);
        } else {
          read.result.resolve({ bytes, end });
        }
      },
      (error: unknown) => read.result.reject(error),
    );
  }

  #takeLate(late: ReadResult, options: ReadOptions): ReadResult {
    const { given, rest } = splitRead(late, options);
    this.#late = rest;
    return given;
  }

  /** Nothing asked before is answered. */
  #forget(): void {
    this.#late = undefined;
    this.#isAsked = false;
    this.#generation++;
  }

  #unpark(): void {
    const read = this.#parked;
    this.#parked = undefined;
    if (read) void this.#fetch(read);
  }

  [Symbol.asyncDispose](): Promise<void> {
    const message = `The session of ${this.resource} was closed here. What was not answered is lost; attach it again.`;
    this.#end(new LabError('transport.closed', message, { resource: this.resource }));
    this.#disposed ??= this.#close();
    return this.#disposed;
  }

  /** A library that hangs would keep whoever closes, and whoever opens again, for ever: then its process is ended. */
  async #close(): Promise<void> {
    // A message that the instrument holds off has its time in the library; others are not made to pay for it.
    const writeMs = this.#isWriting && this.#process.hasUsers ? WRITE_MS : 0;
    const waitMs = this.#sliceMs + this.#closeMs + writeMs;
    const timer = setTimeout(() => this.#process.abandon(this.resource, waitMs), waitMs);
    await this.#inLibrary;
    await this.#process.ask({ call: 'close', session: this.#session }, 'Cannot close', this.resource).catch(() => {});
    clearTimeout(timer);
    this.#release();
  }

  #giveUp(reason: LabError): void {
    const pending = this.#pending;
    if (!pending) return;
    this.#pending = undefined;
    this.#parked = undefined;
    if (this.isMessageBased) this.#orphan = this.#inLibrary;
    pending.result.reject(reason);
    this.#process.ask({ call: 'stop', session: this.#session }, 'Cannot stop', this.resource).catch(() => {});
  }

  async #clear(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw cancellation(signal);
    this.#giveUp(cleared('Nothing of it is answered.'));
    this.#forget();
    this.#clears++;
    const clearing = this.#clearLibrary(this.#sending);
    this.#sending = clearing.catch(() => {});
    await abortable(clearing, signal);
  }

  /** `writing`: what may be in the library. The clear may free it, or come before it: then another one comes behind it. */
  async #clearLibrary(writing: Promise<unknown>): Promise<void> {
    const clear = { call: 'clear', session: this.#session } as const;
    await this.#inLibrary;
    const wasWriting = this.#isWriting;
    await this.#ask(clear, 'Cannot clear', undefined);
    if (!wasWriting) return;
    await writing;
    await this.#ask(clear, 'Cannot clear', undefined);
  }

  async #ask(request: VisaCall, doing: string, signal: AbortSignal | undefined): Promise<VisaValue> {
    if (this.#ended) throw this.#ended;
    if (signal?.aborted) throw cancellation(signal);
    return this.#watch(abortable(this.#process.ask(request, doing, this.resource), signal));
  }

  async #watch(answer: Promise<VisaValue>): Promise<VisaValue> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof LabError && error.code === 'transport.closed') this.#end(error);
      throw this.#ended ?? error;
    }
  }

  #end(error: LabError): void {
    if (this.#ended) return;
    this.#ended = error;
    // A process serves many sessions and outlives most.
    this.#endWatch[Symbol.dispose]();
    this.#giveUp(error);
    this.#closed.resolve({ code: error.code, message: error.message });
    this.#disposed ??= this.#close();
  }
}

function cleared(what: string): LabError {
  return new LabError('transport.timeout', `A device clear ended what was under way. ${what}`);
}
