import type { Clock } from '../../core/clock.ts';

/** A token is asked for anew when so much of its life is over: its life counts from its issue, not from the loss. */
const RENEW_AT = 0.8;
/** One that is about to end is not used any more; ms. */
const MARGIN_MS = 2000;

/** The token to come back with: kept in memory only, used once. */
export class SessionToken implements Disposable {
  readonly #clock: Clock;
  readonly #ask: () => void;
  #token: string | undefined;
  #untilMs = 0;
  #timer: Disposable | undefined;

  constructor(clock: Clock, ask: () => void) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** A new one of the server; `expiresS` from now. */
  keep(token: string, expiresS: number): void {
    this.#token = token;
    this.#untilMs = this.#clock.monotonicMs() + expiresS * 1000;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#clock.after(Math.max(1000, expiresS * 1000 * RENEW_AT), () => this.#ask());
  }

  /** What the next try says; undefined: there is none that still holds. */
  get current(): string | undefined {
    return this.#clock.monotonicMs() < this.#untilMs - MARGIN_MS ? this.#token : undefined;
  }

  /** The connection ended: none is asked for until the next one. */
  pause(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** It was used, or is of somebody else. */
  drop(): void {
    this.pause();
    this.#token = undefined;
  }

  [Symbol.dispose](): void {
    this.drop();
  }
}
