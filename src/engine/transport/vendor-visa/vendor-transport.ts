import { createDeferred, type Deferred } from '../../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../../core/errors.ts';
import { abortable } from '../abortable.ts';
import { cancellation } from '../read-buffer.ts';
import { splitRead } from '../split-read.ts';
import {
  REMOTE_MODES,
  type ReadOptions,
  type ReadResult,
  type Transport,
  type TransportControl,
  type WriteOptions,
} from '../transport.ts';
import { type LockCalls, waitForLock } from './lock-wait.ts';
import type { VisaCall, VisaValue } from './visa-messages.ts';
import type { VisaProcess } from './visa-process.ts';

const WRITE_MS = 10_000;
const READ_BYTES = 1024 * 1024;

/**
 * A session of the vendor's VISA. The library cannot be interrupted: an aborted read rejects at once, and its call in the library ends with
 * the slice it is in; what that still brings is for the next read, unless a clear or a
 * new message comes first.
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
  readonly #release: () => void;
  readonly #closed = createDeferred<{ code: ErrorCode; message: string }>();
  readonly #endWatch: Disposable;
  #pending: Deferred<ReadResult> | undefined;
  /** The read call in the library. */
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
  #asking = createDeferred<void>();
  #ended: LabError | undefined;
  #disposed: Promise<void> | undefined;

  constructor(
    resource: string,
    process: VisaProcess,
    session: number,
    about: { isMessageBased: boolean; sliceMs: number; release: () => void },
  ) {
    this.resource = resource;
    this.#process = process;
    this.#session = session;
    this.#sliceMs = about.sliceMs;
    this.#release = about.release;
    this.isMessageBased = about.isMessageBased;
    this.closed = this.#closed.promise;
    const lockCalls: LockCalls = {
      lock: (request) => this.#do({ call: 'lock', session, ...request }, 'Cannot lock', undefined),
      unlock: () => this.#do({ call: 'unlock', session }, 'Cannot unlock', undefined),
    };
    this.control = {
      clear: (signal) => this.#clear(signal),
      trigger: (signal) => this.#do({ call: 'trigger', session }, 'Cannot trigger', signal),
      statusByte: async (signal) => {
        const { statusByte } = await this.#ask({ call: 'statusByte', session }, 'Cannot read the status byte', signal);
        return statusByte ?? 0;
      },
      lock: (options) => waitForLock(options, this.#sliceMs, lockCalls),
      unlock: (signal) => this.#do({ call: 'unlock', session }, 'Cannot unlock', signal),
      remoteLocal: (mode, signal) =>
        this.#do({ call: 'remote', session, mode: REMOTE_MODES.indexOf(mode) }, `Cannot go to '${mode}'`, signal),
    };
    this.#endWatch = process.onEnded((reason) => this.#end(reason));
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
    const request = { call: 'write', session: this.#session, bytes, end, ...this.#writeTimes() } as const;
    this.#isWriting = true;
    try {
      await this.#do(request, 'Cannot send', undefined);
    } finally {
      this.#isWriting = false;
    }
    // A clear or another message has overtaken it: it is not answered.
    if (!end || generation !== this.#generation) return;
    this.#isAsked = true;
    this.#wake();
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
    const pending = createDeferred<ReadResult>();
    this.#pending = pending;
    const onAbort = (): void => {
      if (signal) this.#giveUp(cancellation(signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#fetch(pending, options).catch((error: unknown) => pending.reject(error));
    return pending.promise.finally(() => {
      signal?.removeEventListener('abort', onAbort);
      if (this.#pending === pending) this.#pending = undefined;
    });
  }

  async #fetch(pending: Deferred<ReadResult>, { max = READ_BYTES, termChar }: ReadOptions): Promise<void> {
    await this.#inLibrary;
    if (this.#pending !== pending) return;
    if (this.#late) {
      pending.resolve(this.#takeLate(this.#late, { max, termChar }));
      return;
    }
    // Nothing asked, nothing to wait for: the instrument would note -420.
    while (this.isMessageBased && !this.#isAsked && this.#pending === pending) await this.#asking.promise;
    if (this.#pending !== pending) return;
    const reading = this.#ask(
      {
        call: 'read',
        session: this.#session,
        max: Math.max(1, Math.min(max, READ_BYTES)),
        sliceMs: this.#sliceMs,
        ...(termChar === undefined ? {} : { termChar }),
      },
      'Cannot read',
      undefined,
    );
    const generation = this.#generation;
    const arrival = reading.then(({ bytes = new Uint8Array(0), ended }) => {
      const end = this.isMessageBased && ended === 'end';
      const isWanted = this.#pending === pending;
      if (!isWanted && generation !== this.#generation) return;
      if (end) this.#isAsked = false;
      if (isWanted) pending.resolve({ bytes, end });
      else if (bytes.length > 0) this.#late = { bytes, end };
    });
    this.#inLibrary = arrival.catch(() => {});
    await arrival;
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

  #wake(): void {
    this.#asking.resolve();
    this.#asking = createDeferred<void>();
  }

  [Symbol.asyncDispose](): Promise<void> {
    const message = `The session of ${this.resource} was closed here. What was not answered is lost; attach it again.`;
    this.#end(new LabError('transport.closed', message, { resource: this.resource }));
    this.#disposed ??= this.#close();
    return this.#disposed;
  }

  async #close(): Promise<void> {
    await this.#inLibrary;
    await this.#process.ask({ call: 'close', session: this.#session }, 'Cannot close', this.resource).catch(() => {});
    this.#release();
  }

  #giveUp(reason: LabError): void {
    const pending = this.#pending;
    if (!pending) return;
    this.#pending = undefined;
    if (this.isMessageBased) this.#orphan = this.#inLibrary;
    pending.reject(reason);
    this.#wake();
    this.#process.ask({ call: 'stop', session: this.#session }, 'Cannot stop', this.resource).catch(() => {});
  }

  async #clear(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw cancellation(signal);
    this.#giveUp(cleared('Nothing of it is answered.'));
    this.#forget();
    this.#clears++;
    const clearing = this.#clearLibrary(this.#isWriting ? this.#sending : undefined);
    this.#sending = clearing.catch(() => {});
    await abortable(clearing, signal);
  }

  /** `writing`: what is in the library now. The clear may free it, or come before it: then another one comes behind it. */
  async #clearLibrary(writing: Promise<unknown> | undefined): Promise<void> {
    const clear = { call: 'clear', session: this.#session } as const;
    await this.#inLibrary;
    await this.#do(clear, 'Cannot clear', undefined);
    if (!writing) return;
    await writing;
    await this.#do(clear, 'Cannot clear', undefined);
  }

  async #do(request: VisaCall, doing: string, signal: AbortSignal | undefined): Promise<void> {
    await this.#ask(request, doing, signal);
  }

  async #ask(request: VisaCall, doing: string, signal: AbortSignal | undefined): Promise<VisaValue> {
    if (this.#ended) throw this.#ended;
    if (signal?.aborted) throw cancellation(signal);
    try {
      return await abortable(this.#process.ask(request, doing, this.resource), signal);
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
