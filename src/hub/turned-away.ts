import type { Clock } from '../core/clock.ts';
import { LabError } from '../core/errors.ts';

/** How long who was taken off the bench is refused; ms. */
export const TURN_AWAY_MS = 60_000;

/** Users that a person took off the bench, each at its address: refused for a while, for a program would be back within a second. */
export class TurnedAway {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #until = new Map<string, { untilMs: number; why: string }>();

  constructor(clock: Clock, ms: number = TURN_AWAY_MS) {
    this.#clock = clock;
    this.#ms = ms;
  }

  add(address: string, user: string, why: string): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { untilMs }] of [...this.#until]) if (untilMs <= nowMs) this.#until.delete(key);
    this.#until.set(keyOf(address, user), { untilMs: nowMs + this.#ms, why });
  }

  /** Throws hub.rate-limited {retryAfterS}. */
  check(address: string, user: string): void {
    const found = this.#until.get(keyOf(address, user));
    const leftMs = (found?.untilMs ?? 0) - this.#clock.monotonicMs();
    if (!found || leftMs <= 0) return;
    const retryAfterS = Math.ceil(leftMs / 1000);
    throw new LabError('hub.rate-limited', `${found.why} It may come again in ${retryAfterS} s.`, { retryAfterS });
  }
}

function keyOf(address: string, user: string): string {
  return `${user}\n${address}`;
}
