import { ByteQueue } from '../../core/byte-queue.ts';
import type { Clock } from '../../core/clock.ts';
import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { ReadTermination } from '../../protocol/scpi-line.ts';
import type { Transport, WriteOptions } from '../transport/transport.ts';
import { type Reply, type ReplyLimits, ReplyReader } from './reply-reader.ts';

export interface Question {
  bytes: Uint8Array;
  kind: 'line' | 'block';
  /** A response header may stand in front of the block. */
  hasPrefix?: boolean | undefined;
  timeoutMs: number;
  /** Makes the error of a timeout. */
  timedOut(): LabError;
  /** Goes before others on a wire that instruments share. */
  isUrgent?: boolean | undefined;
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
  /** As of now: the family of the instrument may want another one than was begun with. */
  termination(): ReadTermination;
  /** Bytes that belong to no question; borrowed. */
  onLate(bytes: Uint8Array): void;
  onReceived(count: number): void;
  /** The transport ended by itself. */
  onEnded(error: LabError): void;
}

/** A command being written. */
interface Writing {
  late: Deferred<never>;
  controller: AbortController;
  timer: Disposable;
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
  #writing: Writing | undefined;
  #isDirty = false;
  #lastByteMs: number;
  #pump: { controller: AbortController; done: Promise<void> } | undefined;
  /** Wakes the pump of a message-based way. */
  #wake: Deferred<void> | undefined;
  #ended: LabError | undefined;
  /** Wakes a drain before its time. */
  #wakeDrain: (() => void) | undefined;

  constructor(transport: Transport, options: ReplyWireOptions) {
    this.transport = transport;
    this.#options = options;
    this.#clock = options.clock;
    this.#lastByteMs = options.clock.monotonicMs();
    this.#reader = new ReplyReader(new ByteQueue({ limitBytes: options.limits.maxBlockBytes + 1024 * 1024 }), {
      ...options.limits,
      termination: () => options.termination(),
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
    this.transport.write(question.bytes, writeOptions(question.isUrgent)).catch((error: unknown) => {
      if (this.#waiting === waiting) this.#fail(LabError.from(error));
    });
    return answer.promise;
  }

  /** Sends what is not answered. Throws transport.*, and the reason of an `interrupt`; the message may be half sent then. */
  async tell(bytes: Uint8Array, timeoutMs: number, timedOut: () => LabError, isUrgent = false): Promise<void> {
    if (this.#ended) throw this.#ended;
    const late = createDeferred<never>();
    const controller = new AbortController();
    const timer = this.#clock.after(timeoutMs, () => late.reject(timedOut()));
    const writing: Writing = { late, controller, timer };
    this.#writing = writing;
    try {
      const options = { ...writeOptions(isUrgent), signal: controller.signal };
      await Promise.race([this.transport.write(bytes, options), late.promise]);
    } finally {
      writing.timer[Symbol.dispose]();
      if (this.#writing === writing) this.#writing = undefined;
    }
  }

  /** Gives the exchange on the wire no more than `ms` from now; then it ends with `reason`. */
  hurry(ms: number, reason: LabError): void {
    const waiting = this.#waiting;
    if (waiting && waiting.deadlineMs - this.#clock.monotonicMs() > ms) {
      waiting.timer[Symbol.dispose]();
      waiting.deadlineMs = this.#clock.monotonicMs() + ms;
      waiting.timer = this.#clock.after(ms, () => this.#fail(reason));
    }
    const writing = this.#writing;
    if (!writing) return;
    writing.timer[Symbol.dispose]();
    writing.timer = this.#clock.after(ms, () => this.#stopWriting(reason));
  }

  /** Ends the exchange on the wire now, with `reason`: between two chunks, whatever is still to come or to be sent. The wire is dirty then. */
  interrupt(reason: LabError): void {
    this.#stopWriting(reason);
    this.#fail(reason);
  }

  /** A drain under way looks again at what it waits for. */
  nudge(): void {
    this.#wakeDrain?.();
  }

  /**
   * Clears the device of a message-based way: the read that waits is given up, and what was read but not yet looked at is nobody's. After it the wire is
   * clean without waiting. Throws what the clear throws; the wire is as dirty as before then.
   */
  async clear(clear: () => Promise<void>): Promise<void> {
    await this.pause();
    try {
      await clear();
      if (this.#reader.hasRest) this.#options.onLate(this.#reader.takeRest());
      this.#isDirty = false;
    } finally {
      if (!this.#ended) this.resume();
    }
  }

  /**
   * Waits until nothing came for `quietMs`, at most `maxMs`; while nothing comes at all, at least `minMs` (an answer may be on its way), unless it
   * `isHurried`. `nudge` makes it ask again. What comes goes to onLate. True: quiet.
   */
  async drain({ quietMs, maxMs, minMs = 0, isHurried = never, isOver = never }: DrainOptions): Promise<boolean> {
    const startMs = this.#clock.monotonicMs();
    for (;;) {
      const nowMs = this.#clock.monotonicMs();
      const hasCome = this.#lastByteMs >= startMs;
      const waitMs = isHurried() ? 0 : Math.min(minMs, maxMs);
      const quietAtMs = Math.max(this.#lastByteMs + quietMs, hasCome ? 0 : startMs + waitMs);
      if (nowMs >= quietAtMs) {
        this.#isDirty = false;
        return true;
      }
      if (nowMs - startMs >= maxMs || this.#ended || isOver()) return false;
      await this.#doze(Math.min(quietAtMs, startMs + maxMs) - nowMs);
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
    this.#stopWriting(reason);
    this.#fail(reason);
    this.nudge();
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

  /** A sleep that `nudge` ends. */
  #doze(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer[Symbol.dispose]();
        this.#wakeDrain = undefined;
        resolve();
      };
      const timer = this.#clock.after(ms, wake);
      this.#wakeDrain = wake;
    });
  }

  #stopWriting(reason: LabError): void {
    const writing = this.#writing;
    if (!writing) return;
    this.#writing = undefined;
    this.#isDirty = true;
    writing.late.reject(reason);
    writing.controller.abort(reason);
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
    const { kind, hasPrefix, isMeant } = waiting.question;
    let reply = this.#reader.take({ kind, hasPrefix, isEnd, isTailOptional, isSurplusAllowed: isMeant !== undefined });
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

interface DrainOptions {
  quietMs: number;
  maxMs: number;
  minMs?: number | undefined;
  /** True: `minMs` is not waited for any more. */
  isHurried?: (() => boolean) | undefined;
  /** True: the rest is not worth waiting for. */
  isOver?: (() => boolean) | undefined;
}

const never = (): boolean => false;

const PLAIN = { end: true };
const URGENT = { end: true, isUrgent: true };

function writeOptions(isUrgent: boolean | undefined): WriteOptions {
  return isUrgent ? URGENT : PLAIN;
}

function isBlank(byte: number): boolean {
  return byte === 10 || byte === 13 || byte === 32;
}
