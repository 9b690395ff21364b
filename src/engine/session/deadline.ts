import type { Clock } from '../../core/clock.ts';

/** Longest time a timer of the system can wait, ms; more would go off at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * A deadline that is set for every exchange and hardly ever comes. Its timer is not stopped when the deadline is met: it goes off once, looks
 * whether the deadline has moved on, and waits for the rest. Thousands of exchanges a second so share one timer of the system.
 *
 *     idle ──set──▶ armed ──due──▶ onDue, idle
 *                    │ ▲ set again: later
 *             clear  ▼ │
 *                   idle, the timer still runs; it goes off once more and finds nothing due
 */
export class Deadline {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  /** Infinite: nothing is waited for. */
  #dueMs = Number.POSITIVE_INFINITY;
  #timer: Disposable | undefined;
  #goesOffMs = 0;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** When it comes, ms of the monotonic clock; infinite while it is not set. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Comes in `ms`; what was set before is forgotten. */
  set(ms: number, nowMs = this.#clock.monotonicMs()): void {
    this.#dueMs = nowMs + ms;
    if (this.#timer && this.#goesOffMs <= this.#dueMs) return;
    this.#timer?.[Symbol.dispose]();
    this.#arm(ms, nowMs);
  }

  clear(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  /** None will be set for a while: if none is set now, the timer ends. */
  rest(): void {
    if (this.#dueMs !== Number.POSITIVE_INFINITY) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #arm(ms: number, nowMs: number): void {
    const waitMs = Math.min(ms, MAX_TIMER_MS);
    this.#goesOffMs = nowMs + waitMs;
    this.#timer = this.#clock.after(waitMs, () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#dueMs === Number.POSITIVE_INFINITY) return;
    const nowMs = this.#clock.monotonicMs();
    if (this.#dueMs > nowMs) {
      this.#arm(this.#dueMs - nowMs, nowMs);
      return;
    }
    this.clear();
    this.#onDue();
  }
}
