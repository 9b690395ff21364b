import { ByteQueue } from '../../core/byte-queue.ts';
import type { Clock } from '../../core/clock.ts';
import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { ReadTermination } from '../../protocol/scpi-line.ts';
import type { Transport } from '../transport/transport.ts';
import { type Reply, type ReplyLimits, ReplyReader } from './reply-reader.ts';

export interface Question {
  bytes: Uint8Array;
  kind: 'line' | 'block';
  timeoutMs: number;
  /** Makes the error of a timeout. */
  timedOut(): LabError;
  /** Lines that are not meant are passed over as late, and the waiting goes on (resynchronising). */
  isMeant?: ((line: string) => boolean) | undefined;
}

export interface TimedWireReply extends Reply {
  sentNs: bigint;
  receivedNs: bigint;
}

export interface ReplyWireOptions {
  clock: Clock;
  limits: ReplyLimits & { blockTailMs: number };
  termination: ReadTermination;
  /** Bytes that belong to no question; borrowed. */
  onLate(bytes: Uint8Array): void;
  onReceived(count: number): void;
  /** The transport ended by itself. */
  onEnded(error: LabError): void;
}

interface Waiting {
  question: Question;
  answer: Deferred<TimedWireReply>;
  sentNs: bigint;
  deadlineMs: number;
  timer: Disposable;
  tailTimer: Disposable | undefined;
}

/**
 * One open transport and the one question on it. It reads all the time (a message-based way only while a question waits), so that
 * what nobody asked for is seen at once and is never there when the next question is sent.
 *
 *              ask                       whole reply
 *     quiet ─────────▶ waiting ─────────────────────────────▶ quiet
 *       │ bytes          │ timeout · malformed · too long
 *       ▼                ▼
 *     dirty ◀────────────┘        (what is half there goes to onLate)
 *
 * Dirty is left only through `drain` (quiet again, nothing unanswered) or with a new ReplyWire on a new transport.
 */
export class ReplyWire {
  readonly transport: Transport;
  readonly #options: ReplyWireOptions;
  readonly #clock: Clock;
  readonly #reader: ReplyReader;
  #waiting: Waiting | undefined;
  #isDirty = false;
  #lastByteMs: number;
  #pump: { controller: AbortController; done: Promise<void> } | undefined;
  /** Wakes the pump of a message-based way. */
  #wake: Deferred<void> | undefined;
  #ended: LabError | undefined;

  constructor(transport: Transport, options: ReplyWireOptions) {
    this.transport = transport;
    this.#options = options;
    this.#clock = options.clock;
    this.#lastByteMs = options.clock.monotonicMs();
    this.#reader = new ReplyReader(new ByteQueue({ limitBytes: options.limits.maxBlockBytes + 1024 * 1024 }), {
      ...options.limits,
      termination: options.termination,
      isMessageBased: transport.isMessageBased === true,
    });
    this.resume();
  }

  /** Bytes came that nobody asked for, or a question went wrong. */
  get isDirty(): boolean {
    return this.#isDirty;
  }

  /** Sends and waits for the one reply. Throws transport.*, protocol.*; the wire is dirty then. */
  ask(question: Question): Promise<TimedWireReply> {
    if (this.#ended) return Promise.reject(this.#ended);
    const answer = createDeferred<TimedWireReply>();
    const deadlineMs = this.#clock.monotonicMs() + question.timeoutMs;
    const timer = this.#clock.after(question.timeoutMs, () => this.#fail(question.timedOut()));
    const waiting = { question, answer, sentNs: this.#clock.nowNs(), deadlineMs, timer, tailTimer: undefined };
    this.#waiting = waiting;
    this.#wake?.resolve();
    this.transport.write(question.bytes, { end: true }).catch((error: unknown) => {
      if (this.#waiting === waiting) this.#fail(LabError.from(error));
    });
    return answer.promise;
  }

  /** Sends what is not answered. Throws transport.*. */
  async tell(bytes: Uint8Array, timeoutMs: number, timedOut: () => LabError): Promise<void> {
    if (this.#ended) throw this.#ended;
    const late = createDeferred<never>();
    const timer = this.#clock.after(timeoutMs, () => late.reject(timedOut()));
    try {
      await Promise.race([this.transport.write(bytes, { end: true }), late.promise]);
    } finally {
      timer[Symbol.dispose]();
    }
  }

  /** Gives the waiting question no more than `ms` from now. */
  hurry(ms: number): void {
    const waiting = this.#waiting;
    if (!waiting || waiting.deadlineMs - this.#clock.monotonicMs() <= ms) return;
    waiting.timer[Symbol.dispose]();
    waiting.deadlineMs = this.#clock.monotonicMs() + ms;
    waiting.timer = this.#clock.after(ms, () => this.#fail(waiting.question.timedOut()));
  }

  /**
   * Waits until nothing came for `quietMs`, at most `maxMs`; while nothing comes at all, at least `minMs` (an answer may be on its way).
   * What comes goes to onLate. True: quiet.
   */
  async drain({ quietMs, maxMs, minMs = 0 }: { quietMs: number; maxMs: number; minMs?: number }): Promise<boolean> {
    const startMs = this.#clock.monotonicMs();
    for (;;) {
      const nowMs = this.#clock.monotonicMs();
      const hasCome = this.#lastByteMs >= startMs;
      const quietAtMs = Math.max(this.#lastByteMs + quietMs, hasCome ? 0 : startMs + Math.min(minMs, maxMs));
      if (nowMs >= quietAtMs) {
        this.#isDirty = false;
        return true;
      }
      if (nowMs - startMs >= maxMs || this.#ended) return false;
      await this.#sleep(Math.min(quietAtMs, startMs + maxMs) - nowMs);
    }
  }

  /** Whether nothing comes for `ms` after a reply. */
  async isSilent(ms: number): Promise<boolean> {
    if (!this.#isDirty) await this.#sleep(ms);
    return !this.#isDirty;
  }

  /** Stops reading; what comes waits in the transport for its new reader. */
  async pause(): Promise<void> {
    const pump = this.#pump;
    this.#pump = undefined;
    pump?.controller.abort();
    this.#wake?.resolve();
    await pump?.done;
  }

  /** The session ends: the waiting question, too. */
  abandon(reason: LabError): void {
    this.#ended ??= reason;
    this.#fail(reason);
  }

  /** Reads again; what is on the wire is nobody's. */
  resume(isDirty = false): void {
    if (isDirty) {
      this.#isDirty = true;
      this.#lastByteMs = this.#clock.monotonicMs();
    }
    const controller = new AbortController();
    this.#pump = { controller, done: this.#read(controller.signal) };
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }

  async #read(signal: AbortSignal): Promise<void> {
    const isMessageBased = this.transport.isMessageBased === true;
    while (!signal.aborted) {
      try {
        if (isMessageBased && !this.#waiting) {
          this.#wake = createDeferred<void>();
          await this.#wake.promise;
          continue;
        }
        const { bytes, end } = await this.transport.read({ signal });
        this.#accept(bytes, end);
      } catch (error) {
        if (signal.aborted) return;
        const failure = LabError.from(error);
        // A message-based way refuses a single read (device clear, locked by another client) and goes on.
        const goesOn = isMessageBased && failure.code !== 'transport.closed' && failure.code !== 'transport.failed';
        if (!goesOn) this.#ended = failure;
        if (this.#waiting) this.#fail(failure);
        if (goesOn) continue;
        this.#options.onEnded(failure);
        return;
      }
    }
  }

  #accept(bytes: Uint8Array, end: boolean): void {
    this.#options.onReceived(bytes.length);
    const waiting = this.#waiting;
    if (!waiting) {
      this.#stray(bytes);
      return;
    }
    const receivedNs = this.#clock.nowNs();
    this.#lastByteMs = this.#clock.monotonicMs();
    try {
      this.#reader.push(bytes);
      this.#parse(waiting, receivedNs, end, false);
    } catch (error) {
      this.#fail(LabError.from(error));
    }
  }

  #parse(waiting: Waiting, receivedNs: bigint, isEnd: boolean, isTailOptional: boolean): void {
    waiting.tailTimer?.[Symbol.dispose]();
    waiting.tailTimer = undefined;
    const { kind, isMeant } = waiting.question;
    let reply = this.#reader.take({ kind, isEnd, isTailOptional, isSurplusAllowed: isMeant !== undefined });
    while (reply && isMeant && !isMeant(reply.text)) {
      this.#options.onLate(Buffer.from(`${reply.text}\n`, 'latin1'));
      reply = this.#reader.take({ kind, isEnd, isTailOptional, isSurplusAllowed: true });
    }
    if (reply) {
      this.#settle(waiting);
      this.#isDirty = false;
      if (this.#reader.hasRest) this.#stray(this.#reader.takeRest());
      waiting.answer.resolve({ ...reply, sentNs: waiting.sentNs, receivedNs });
    } else if (this.#reader.awaitsTail) {
      waiting.tailTimer = this.#clock.after(this.#options.limits.blockTailMs, () => {
        try {
          if (this.#waiting === waiting) this.#parse(waiting, receivedNs, isEnd, true);
        } catch (error) {
          this.#fail(LabError.from(error));
        }
      });
    }
  }

  #settle(waiting: Waiting): void {
    this.#waiting = undefined;
    waiting.timer[Symbol.dispose]();
    waiting.tailTimer?.[Symbol.dispose]();
  }

  #fail(error: LabError): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#settle(waiting);
    this.#isDirty = true;
    if (this.#reader.hasRest) this.#options.onLate(this.#reader.takeRest());
    waiting.answer.reject(error);
  }

  /** Terminators alone are no data: some devices append one or two after a block. */
  #stray(bytes: Uint8Array): void {
    if (bytes.every(isBlank)) return;
    this.#isDirty = true;
    this.#lastByteMs = this.#clock.monotonicMs();
    this.#options.onLate(bytes);
  }
}

function isBlank(byte: number): boolean {
  return byte === 10 || byte === 13 || byte === 32;
}
