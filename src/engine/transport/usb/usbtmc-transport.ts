import { createDeferred } from '../../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../../core/errors.ts';
import {
  encodeMessageOut,
  encodeRequestIn,
  encodeTrigger,
  nextBulkTag,
  type UsbtmcCapabilities,
} from '../../../protocol/usbtmc.ts';
import { abortable } from '../abortable.ts';
import { cancellation } from '../read-buffer.ts';
import { splitRead } from '../split-read.ts';
import type { ReadOptions, ReadResult, Transport, TransportControl, WriteOptions } from '../transport.ts';
import { SerialTurn } from './serial-turn.ts';
import { goneError } from './usb-error.ts';
import { type UsbtmcAnswer, UsbtmcAnswerReader } from './usbtmc-answer.ts';
import { usbtmcControl } from './usbtmc-control.ts';
import type { UsbtmcFunction } from './usbtmc-function.ts';
import { UsbtmcInterrupt } from './usbtmc-interrupt.ts';
import type { UsbtmcQuirks } from './usbtmc-quirks.ts';
import { UsbtmcRead } from './usbtmc-read.ts';
import { UsbtmcSending } from './usbtmc-sending.ts';

export interface UsbtmcOptions {
  /** Most bytes asked for at once, and of one message transfer; default 1 MiB. */
  transferBytes?: number | undefined;
}

/** How long a closing waits for what is under way to be taken back. */
const CLOSE_MS = 2000;
const LINE_FEED = Uint8Array.of(10);

/**
 * A USBTMC instrument. Bulk OUT has one user at a time; bulk IN has one request outstanding, and none before something was asked.
 *
 *               write, end                    request
 *     nothing ─────────────▶ asked ── read ──────────────▶ requested ──EOM──▶ nothing
 *      asked                   ▲                               │ no EOM: asked
 *        ▲                     └───────────────────────────────┤
 *        │  clear                                              │ abort
 *        └──────────────── repairing ◀─────────────────────────┘   (abort sequence; clear if the device does not take it)
 *
 * While repairing everything else waits. If the device takes neither abort nor clear the transport ends with `transport.failed`.
 */
export class UsbtmcTransport implements Transport {
  readonly resource: string;
  readonly isMessageBased = true;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly control: TransportControl;
  readonly #function: UsbtmcFunction;
  readonly #interrupt: UsbtmcInterrupt;
  readonly #answers: UsbtmcAnswerReader;
  readonly #hasTermChar: boolean;
  readonly #transferBytes: number;
  readonly #closed = createDeferred<{ code: ErrorCode; message: string }>();
  readonly #out = new SerialTurn();
  /** Any start but 1: the device may still hold the answer to a client that died. */
  #tag = 1 + Math.floor(Math.random() * 254);
  #reading: UsbtmcRead | undefined;
  #sending: UsbtmcSending | undefined;
  /** Clears so far: what waits for its turn when one comes is not sent after it. */
  #clears = 0;
  #repair: Promise<void> = Promise.resolve();
  #rest: UsbtmcAnswer | undefined;
  #isAsked = false;
  #asking = createDeferred<void>();
  #ended: LabError | undefined;
  #disposed: Promise<void> | undefined;

  constructor(
    resource: string,
    owner: UsbtmcFunction,
    about: { capabilities: UsbtmcCapabilities; quirks: UsbtmcQuirks },
    options: UsbtmcOptions = {},
  ) {
    this.resource = resource;
    this.#function = owner;
    this.#hasTermChar = about.capabilities.hasTermChar;
    this.#transferBytes = Math.max(1, options.transferBytes ?? 1024 * 1024);
    this.#answers = new UsbtmcAnswerReader(owner.device, owner.endpoints, about.quirks);
    this.#interrupt = new UsbtmcInterrupt(owner);
    this.closed = this.#closed.promise;
    this.control = usbtmcControl(owner, about, {
      interrupt: this.#interrupt,
      clear: (signal) => this.#clear(signal),
      trigger: (signal) => this.#trigger(signal),
    });
    void owner.device.gone.then((reason) => this.#end(reason));
    this.#interrupt.start();
  }

  write(bytes: Uint8Array, { end = false, signal }: WriteOptions = {}): Promise<void> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (signal?.aborted) return Promise.reject(cancellation(signal));
    const clears = this.#clears;
    return abortable(
      this.#out.run(async () => {
        await this.#repair;
        if (clears !== this.#clears) throw new ClearedError();
        await this.#send(bytes, end, signal);
      }),
      signal,
    );
  }

  read(options: ReadOptions = {}): Promise<ReadResult> {
    const { signal } = options;
    if (this.#reading) {
      return Promise.reject(
        new LabError('call.invalid', 'A read is waiting on this instrument already; one at a time.'),
      );
    }
    if (this.#ended) return Promise.reject(this.#ended);
    if (signal?.aborted) return Promise.reject(cancellation(signal));
    const rest = this.#rest;
    if (rest) return Promise.resolve(this.#give(rest, options));
    // What is repaired now; if this very read is taken back, the repair of that waits for it.
    const before = this.#repair;
    const reading = new UsbtmcRead((own) => this.#fetch(own, before, options));
    const onAbort = (): void => {
      if (signal) this.#takeBack(reading, cancellation(signal));
    };
    this.#reading = reading;
    signal?.addEventListener('abort', onAbort, { once: true });
    return reading.promise.finally(() => {
      signal?.removeEventListener('abort', onAbort);
      if (this.#reading === reading) this.#reading = undefined;
    });
  }

  /** Takes back what is under way, lets go of the interface (the kernel's driver gets it back) and closes the device. */
  [Symbol.asyncDispose](): Promise<void> {
    const error = goneError(this.resource, 'The USB instrument was closed here');
    if (this.#reading && !this.#ended) this.#takeBack(this.#reading, error);
    this.#end(error);
    this.#disposed ??= this.#close();
    return this.#disposed;
  }

  async #close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([this.#repair, late]);
    await Promise.race([this.#interrupt.stop(), late]);
    clearTimeout(timer);
    await this.#function.device.close();
  }

  async #fetch(reading: UsbtmcRead, before: Promise<void>, options: ReadOptions): Promise<ReadResult> {
    await before;
    reading.signal.throwIfAborted();
    while (!this.#isAsked) await abortable(this.#asking.promise, reading.signal);
    const max = Math.max(1, Math.min(options.max ?? this.#transferBytes, this.#transferBytes));
    for (;;) {
      const answer = await this.#ask(reading, max, options.termChar);
      reading.tag = undefined;
      reading.isAsking = false;
      if (answer.end) this.#isAsked = false;
      if (answer.bytes.length > 0 || answer.end) return this.#give(answer, options);
    }
  }

  /**
   * One request and its answer; none is sent once its read has been given up. The transfer that takes the answer is on the bus already when the
   * request goes out: that saves a round trip.
   */
  async #ask(reading: UsbtmcRead, max: number, termChar: number | undefined): Promise<UsbtmcAnswer> {
    const { signal } = reading;
    let answering: Promise<UsbtmcAnswer> | undefined;
    try {
      await this.#out.run(async () => {
        signal.throwIfAborted();
        reading.isAsking = true;
        await this.#repair;
        signal.throwIfAborted();
        const tag = this.#nextTag();
        answering = this.#answers.take(reading, tag);
        answering.catch(() => {});
        const isTermChar = termChar !== undefined && this.#hasTermChar;
        const request = encodeRequestIn(tag, max, isTermChar ? termChar : undefined);
        await this.#transfer(request, signal, (sending) => {
          if (sending.isOnBus) reading.left = { tag, sending };
        });
        reading.tag = tag;
      });
    } catch (error) {
      // The transfer that waits must be off the bus before anything else is tried.
      reading.fail(LabError.from(error));
      await answering?.catch(() => {});
      throw error;
    }
    if (!answering) throw new LabError('internal.failed', 'A request without a transfer for its answer.');
    return await answering;
  }

  async #send(bytes: Uint8Array, end: boolean, signal: AbortSignal | undefined): Promise<void> {
    if (this.#ended) throw this.#ended;
    // 488.2 6.3.2.3: a new message interrupts what was not read of the answer before.
    this.#rest = undefined;
    // A transfer of no bytes is not allowed (3.2); NL is what END is to a message.
    const payload = bytes.length === 0 && end ? LINE_FEED : bytes;
    for (let at = 0; at < payload.length; at += this.#transferBytes) {
      const part = payload.subarray(at, at + this.#transferBytes);
      const isLast = at + part.length === payload.length;
      const tag = this.#nextTag();
      await this.#transfer(encodeMessageOut(tag, part, end && isLast), signal, (sending) =>
        this.#mend(() => this.#function.abortOut(tag, sending)),
      );
    }
    if (end) this.#nowAsked();
  }

  async #trigger(signal: AbortSignal | undefined): Promise<void> {
    if (this.#ended) throw this.#ended;
    await abortable(
      this.#out.run(async () => {
        await this.#repair;
        const tag = this.#nextTag();
        await this.#transfer(encodeTrigger(tag), signal, (sending) =>
          this.#mend(() => this.#function.abortOut(tag, sending)),
        );
      }),
      signal,
    );
    // What a trigger does may have an answer.
    this.#nowAsked();
  }

  /** One bulk OUT transfer. `onTakenBack`: it was not sent in full, and no clear tells the device. */
  async #transfer(
    transfer: Uint8Array,
    signal: AbortSignal | undefined,
    onTakenBack: (sending: UsbtmcSending) => void,
  ): Promise<void> {
    const { device, endpoints } = this.#function;
    // Left on the bus by a clear that the device refused.
    if (this.#sending) await this.#sending.off;
    if (this.#ended) throw this.#ended;
    if (signal?.aborted) throw cancellation(signal);
    const sending = new UsbtmcSending(device, endpoints.bulkOut.number, transfer);
    this.#sending = sending;
    // By hand: AbortSignal.any costs as much as a transfer.
    const onAbort = signal && ((): void => sending.stop(cancellation(signal)));
    if (onAbort) signal.addEventListener('abort', onAbort, { once: true });
    try {
      await sending.done;
    } catch (error) {
      const isClearing = this.#ended !== undefined || error instanceof ClearedError;
      if (!isClearing && isTakenBack(error, signal)) onTakenBack(sending);
      throw error;
    } finally {
      if (!sending.isOnBus) this.#sending = undefined;
      if (onAbort) signal.removeEventListener('abort', onAbort);
    }
  }

  #nextTag(): number {
    this.#tag = nextBulkTag(this.#tag);
    return this.#tag;
  }

  #nowAsked(): void {
    this.#isAsked = true;
    this.#asking.resolve();
    this.#asking = createDeferred<void>();
  }

  /** No more than asked for; the rest waits for the next read, until something new is written. */
  #give(answer: UsbtmcAnswer, options: ReadOptions): ReadResult {
    const { given, rest } = splitRead(answer, options);
    this.#rest = rest;
    return given;
  }

  /** The read's caller has gone: its request goes, too. One whose turn has not come has none; a repair that waited for it would hold up its turn. */
  #takeBack(reading: UsbtmcRead, reason: LabError): void {
    if (this.#reading !== reading) return;
    this.#reading = undefined;
    reading.fail(reason);
    if (!reading.isAsking) return;
    this.#mend(async () => {
      const { tag } = reading;
      if (tag !== undefined) await this.#function.abortIn(tag, reading.off);
      else {
        await reading.off;
        if (reading.left) await this.#function.abortOut(reading.left.tag, reading.left.sending);
        // The request went out all the same.
        const sent = reading.tag ?? reading.left?.tag;
        if (sent !== undefined) await this.#function.abortIn(sent, reading.off);
      }
    });
  }

  /** Runs an abort sequence; everything else waits. What the device does not take is followed by a clear, and that failing by the end. */
  #mend(sequence: () => Promise<void>): void {
    const before = this.#repair;
    this.#repair = before.then(sequence).catch(async () => {
      if (this.#isGone) return;
      try {
        await this.#function.clear(this.#sending?.off);
        this.#isAsked = false;
      } catch (error) {
        this.#end(failed(this.resource, LabError.from(error)));
      }
    });
  }

  get #isGone(): boolean {
    return this.#ended !== undefined;
  }

  async #clear(signal: AbortSignal | undefined): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (signal?.aborted) throw cancellation(signal);
    const cleared = new ClearedError();
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.fail(cleared);
    const sending = this.#sending;
    sending?.stop(cleared);
    this.#clears++;
    this.#rest = undefined;
    this.#isAsked = false;
    const before = this.#repair;
    const clearing = before.then(async () => {
      await sending?.done.catch(() => {});
      if (reading?.isAsking) await reading.off;
      await this.#function.clear(sending?.off);
    });
    this.#repair = clearing.catch(() => {});
    await abortable(clearing, signal);
  }

  #end(error: LabError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#reading?.fail(error);
    this.#reading = undefined;
    this.#sending?.stop(error);
    this.#closed.resolve({ code: error.code, message: error.message });
    this.#disposed ??= this.#close();
  }
}

/** What a device clear ends the reads and writes under way with. */
class ClearedError extends LabError {
  constructor() {
    super('transport.timeout', 'A device clear ended what was under way. Nothing of it is answered any more.');
  }
}

function isTakenBack(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true || (error instanceof LabError && error.code === 'transport.timeout');
}

function failed(resource: string, cause: LabError): LabError {
  const message = `${resource} takes neither an abort nor a device clear (${cause.message}) The connection is closed, because a late answer could be taken for another. Switch the instrument off and on, then attach it again.`;
  return new LabError('transport.failed', message, { resource }, { cause });
}
