import { ByteQueue } from '../../core/byte-queue.ts';
import { type Clock, delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { ReadTermination } from '../../protocol/scpi-line.ts';
import type { Transport, WriteOptions } from '../transport/transport.ts';
import { type Command, CommandWriter } from './command-writer.ts';
import { Deadline } from './deadline.ts';
import { type Reply, type ReplyLimits, ReplyReader } from './reply-reader.ts';
import { WirePump } from './wire-pump.ts';
import { type DrainOptions, WireSilence } from './wire-silence.ts';

export interface Question {
  bytes: Uint8Array;
  /** Just before it is sent, ns since 1970. */
  sentNs: bigint;
  kind: 'line' | 'block';
  /** A response header may stand in front of the block. */
  hasPrefix?: boolean | undefined;
  timeoutMs: number;
  /** Makes the error of a timeout. */
  timedOut(): LabError;
  /** How long it may wait for its turn on a wire that instruments share. */
  turnMs: number;
  /** It goes out; until then it waits for its turn, and ended before, nothing of it was sent and the wire is clean. */
  onBegin?(): void;
  /** Makes the error of a turn that did not come. */
  notSent(): LabError;
  /** Goes before others on a wire that instruments share. */
  isUrgent?: boolean | undefined;
  /** Lines that are not meant are passed over as late, and the waiting goes on (resynchronising). */
  isMeant?: ((line: string) => boolean) | undefined;
}

export interface TimedWireReply extends Reply {
  sentNs: bigint;
  receivedNs: bigint;
  roundTripMs: number;
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

interface Waiting {
  question: Question;
  sentMs: number;
  sentNs: bigint;
  /** Set while it waits for its turn on a shared wire: takes it back. */
  withdraw: AbortController | undefined;
  /** Set when it is given less time: what it ends with. */
  hurriedBy: LabError | undefined;
  tailTimer: Disposable | undefined;
  resolve(reply: TimedWireReply): void;
  reject(error: unknown): void;
}

/**
 * One open transport and the one question on it. It reads all the time (a message-based way only while a question waits), so that
 * what nobody asked for is seen at once and is never there when the next question is sent.
 *
 *              ask                       whole reply
 *     quiet ─────────▶ waiting ─────────────────────────────▶ quiet      on a shared wire first for its turn: given up there, it stays quiet
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
  readonly #pump: WirePump;
  readonly #writer: CommandWriter;
  readonly #deadline: Deadline;
  readonly #silence: WireSilence;
  #waiting: Waiting | undefined;
  #isDirty = false;
  #ended: LabError | undefined;

  constructor(transport: Transport, options: ReplyWireOptions) {
    const { clock, limits } = options;
    this.transport = transport;
    this.#options = options;
    this.#clock = clock;
    this.#reader = new ReplyReader(new ByteQueue({ limitBytes: limits.maxBlockBytes + 1024 * 1024 }), {
      ...limits,
      termination: () => options.termination(),
      isMessageBased: transport.isMessageBased === true,
    });
    this.#silence = new WireSilence(clock, {
      onQuiet: () => {
        this.#isDirty = false;
      },
      hasEnded: () => this.#ended !== undefined,
    });
    this.#deadline = new Deadline(clock, () => {
      const waiting = this.#waiting;
      if (waiting?.withdraw) this.#fail(waiting.hurriedBy ?? waiting.question.notSent());
      else if (waiting) this.#fail(waiting.hurriedBy ?? waiting.question.timedOut());
    });
    this.#writer = new CommandWriter(transport, clock, () => {
      this.#isDirty = true;
    });
    this.#pump = new WirePump(transport, {
      isAsked: () => this.#waiting !== undefined,
      accept: (bytes, end) => this.#accept(bytes, end),
      failed: (error, isOver) => this.#readFailed(error, isOver),
    });
    this.resume();
  }

  /** Bytes came that nobody asked for, or a question went wrong. */
  get isDirty(): boolean {
    return this.#isDirty;
  }

  /** Sends and waits for the one reply. Throws transport.*, protocol.*; the wire is dirty then, if anything was sent. */
  ask(question: Question): Promise<TimedWireReply> {
    if (this.#ended) return Promise.reject(this.#ended);
    const { sentNs } = question;
    return new Promise((resolve, reject) => {
      const sentMs = this.#clock.monotonicMs();
      const withdraw = this.transport.isShared ? new AbortController() : undefined;
      const waiting: Waiting = {
        ...{ question, sentMs, sentNs, withdraw, resolve, reject },
        hurriedBy: undefined,
        tailTimer: undefined,
      };
      this.#waiting = waiting;
      this.#deadline.set(withdraw ? question.turnMs : question.timeoutMs, sentMs);
      this.#pump.wake();
      if (!withdraw) question.onBegin?.();
      this.transport.write(question.bytes, this.#writeOptions(waiting)).catch((error: unknown) => {
        if (this.#waiting === waiting) this.#fail(LabError.from(error));
      });
    });
  }

  /** Sends what is not answered. Throws transport.*, and the reason of an `interrupt`; the message may be half sent then. */
  tell(command: Command): Promise<void> {
    return this.#ended ? Promise.reject(this.#ended) : this.#writer.write(command);
  }

  /** Gives the exchange on the wire no more than `ms` from now; then it ends with `reason`. */
  hurry(ms: number, reason: LabError): void {
    if (this.#waiting && this.#deadline.dueMs - this.#clock.monotonicMs() > ms) {
      this.#waiting.hurriedBy = reason;
      this.#deadline.set(ms);
    }
    this.#writer.hurry(ms, reason);
  }

  /** Ends the exchange on the wire now, with `reason`: between two chunks, whatever is still to come or to be sent. The wire is dirty then. */
  interrupt(reason: LabError): void {
    if (this.#writer.stop(reason)) this.#isDirty = true;
    this.#fail(reason);
  }

  /** A drain under way looks again at what it waits for. */
  nudge(): void {
    this.#silence.nudge();
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

  /** Waits for silence (see WireSilence.wait); what comes goes to onLate. True: it is quiet, and the wire clean. */
  drain(options: DrainOptions): Promise<boolean> {
    return this.#silence.wait(options);
  }

  /** Whether nothing comes for `ms` after a reply. */
  async isSilent(ms: number): Promise<boolean> {
    if (!this.#isDirty) await delay(this.#clock, ms);
    return !this.#isDirty;
  }

  /** Stops reading; what comes waits in the transport for its new reader. */
  pause(): Promise<void> {
    this.#deadline.rest();
    this.#writer.rest();
    return this.#pump.pause();
  }

  /** The session ends: the waiting question, too. */
  abandon(reason: LabError): void {
    this.#ended ??= reason;
    this.interrupt(reason);
    this.nudge();
  }

  /** Reads again; what is on the wire is nobody's. */
  resume(isDirty = false): void {
    if (isDirty) {
      this.#isDirty = true;
      this.#silence.break();
    }
    this.#pump.resume();
  }

  #writeOptions(waiting: Waiting): WriteOptions {
    const { isUrgent } = waiting.question;
    if (!waiting.withdraw) return isUrgent ? URGENT : PLAIN;
    const { signal } = waiting.withdraw;
    return { ...(isUrgent ? URGENT : PLAIN), signal, onBegin: () => this.#begin(waiting) };
  }

  /** Its turn has come: times count from here. */
  #begin(waiting: Waiting): void {
    if (this.#waiting !== waiting) return;
    waiting.withdraw = undefined;
    waiting.sentNs = this.#clock.nowNs();
    waiting.sentMs = this.#clock.monotonicMs();
    if (!waiting.hurriedBy) this.#deadline.set(waiting.question.timeoutMs, waiting.sentMs);
    waiting.question.onBegin?.();
  }

  #readFailed(error: LabError, isOver: boolean): void {
    if (isOver) this.#ended = error;
    if (this.#waiting) this.#fail(error);
    if (isOver) this.#options.onEnded(error);
  }

  #accept(bytes: Uint8Array, end: boolean): void {
    this.#options.onReceived(bytes.length);
    const waiting = this.#waiting;
    if (!waiting) {
      this.#stray(bytes);
      return;
    }
    const receivedNs = this.#clock.nowNs();
    this.#silence.break();
    const { kind, isMeant } = waiting.question;
    const whole = kind === 'line' && !isMeant ? this.#reader.takeWhole(bytes) : undefined;
    if (whole) {
      this.#answer(waiting, whole, receivedNs);
      return;
    }
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
      this.#answer(waiting, reply, receivedNs);
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

  #answer(waiting: Waiting, { text, block, sizeBytes }: Reply, receivedNs: bigint): void {
    const { sentNs } = waiting;
    const roundTripMs = this.#silence.lastByteMs - waiting.sentMs;
    this.#settle(waiting);
    this.#isDirty = false;
    if (this.#reader.hasRest) this.#stray(this.#reader.takeRest());
    waiting.resolve({ text, block, sizeBytes, sentNs, receivedNs, roundTripMs });
  }

  #settle(waiting: Waiting): void {
    this.#waiting = undefined;
    this.#deadline.clear();
    waiting.tailTimer?.[Symbol.dispose]();
  }

  #fail(error: LabError): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#settle(waiting);
    if (waiting.withdraw) {
      waiting.withdraw.abort(error);
      this.#pump.recall();
    } else this.#isDirty = true;
    if (this.#reader.hasRest) this.#options.onLate(this.#reader.takeRest());
    waiting.reject(error);
  }

  /** Terminators alone are no data: some devices append one or two after a block. */
  #stray(bytes: Uint8Array): void {
    if (bytes.every(isBlank)) return;
    this.#isDirty = true;
    this.#silence.break();
    this.#options.onLate(bytes);
  }
}

const PLAIN = { end: true };
const URGENT = { end: true, isUrgent: true };

function isBlank(byte: number): boolean {
  return byte === 10 || byte === 13 || byte === 32;
}
