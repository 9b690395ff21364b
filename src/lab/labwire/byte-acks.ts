import type { Clock } from '../../core/clock.ts';

export interface AckRules {
  /** Longest time a taken byte waits to be acknowledged; ms. */
  everyMs: number;
  /** Bounds of the server's window; bytes. */
  windowBytes: { min: number; max: number };
  /** The window is what comes in so long; ms. */
  windowMs: number;
}

export const ACK_RULES: Readonly<AckRules> = {
  everyMs: 250,
  windowBytes: { min: 8192, max: 4 << 20 },
  windowMs: 100,
};

/** Whether rows up to before that number have been taken. */
type IsTaken = (key: string, end: number, epoch: number) => boolean;

interface Waiting {
  end: number;
  epoch: number;
  bytes: number;
}

/**
 * Counts what came on one connection and says how much of it is taken: `ack {bytes}`, all bytes of messages taken since the connection began. Rows count as
 * taken once their outlet returned; those held back while a hole is filled do not, so a server never runs further ahead than its window.
 */
export class ByteAcks implements Disposable {
  readonly #clock: Clock;
  readonly #rules: AckRules;
  readonly #isTaken: IsTaken;
  readonly #send: (bytes: number) => void;
  /** By stream, in order of their rows. */
  readonly #waiting = new Map<string, Waiting[]>();
  #taken = 0;
  #acked = 0;
  #timer: Disposable | undefined;
  /** Bytes a ms, a moving mean. */
  #rate = 0;
  #rateMs: number;
  #rateBytes = 0;

  constructor(clock: Clock, rules: AckRules, isTaken: IsTaken, send: (bytes: number) => void) {
    this.#clock = clock;
    this.#rules = rules;
    this.#isTaken = isTaken;
    this.#send = send;
    this.#rateMs = clock.monotonicMs();
  }

  /** A message without rows, or with rows nobody wants. */
  took(bytes: number): void {
    this.#taken += bytes;
    this.#count(bytes);
    this.#settle();
  }

  /** A message whose rows end before number `end` was handed on. */
  handed(key: string, end: number, epoch: number, bytes: number): void {
    const waiting = this.#waiting.get(key);
    if (waiting) waiting.push({ end, epoch, bytes });
    else this.#waiting.set(key, [{ end, epoch, bytes }]);
    this.#count(bytes);
    this.#take(key);
    this.#settle();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#waiting.clear();
  }

  /** The server's window as this side sees it; bytes. */
  get #window(): number {
    const { min, max } = this.#rules.windowBytes;
    return Math.min(max, Math.max(min, this.#rate * this.#rules.windowMs));
  }

  #count(bytes: number): void {
    this.#rateBytes += bytes;
    const now = this.#clock.monotonicMs();
    const passed = now - this.#rateMs;
    if (passed < 100) return;
    this.#rate += (this.#rateBytes / passed - this.#rate) / 4;
    this.#rateMs = now;
    this.#rateBytes = 0;
  }

  /** Rows are taken in order: what waits of a stream is looked at from its front. */
  #take(key: string): void {
    const waiting = this.#waiting.get(key);
    if (!waiting) return;
    let taken = 0;
    for (const { end, epoch, bytes } of waiting) {
      if (!this.#isTaken(key, end, epoch)) break;
      this.#taken += bytes;
      taken++;
    }
    if (taken === waiting.length) this.#waiting.delete(key);
    else waiting.splice(0, taken);
  }

  #settle(): void {
    if (this.#taken - this.#acked >= this.#window / 4) this.#say();
    if (!this.#timer && (this.#taken > this.#acked || this.#waiting.size > 0))
      this.#timer = this.#clock.after(this.#rules.everyMs, () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    for (const key of [...this.#waiting.keys()]) this.#take(key);
    if (this.#taken > this.#acked) this.#say();
    this.#settle();
  }

  #say(): void {
    this.#acked = this.#taken;
    this.#send(this.#taken);
  }
}
