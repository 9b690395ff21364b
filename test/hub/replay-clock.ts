import type { Clock } from '../../src/core/clock.ts';

interface Timer {
  dueMs: number;
  callback: () => void;
}

/**
 * A clock moved by hand that stands still between two timers until `settle` has come to its end: what a timer sends is there, and answered, before the next one
 * fires, so round trips take no time of this clock.
 */
export class ReplayClock implements Clock {
  readonly #startNs = BigInt(Date.now()) * 1_000_000n;
  readonly #timers = new Set<Timer>();
  #ms = 0;

  nowNs(): bigint {
    return this.#startNs + BigInt(Math.round(this.#ms * 1e6));
  }

  monotonicMs(): number {
    return this.#ms;
  }

  after(ms: number, callback: () => void): Disposable {
    const timer = { dueMs: this.#ms + Math.max(0, ms), callback };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Moves on to `ms` since the begin. */
  async moveTo(ms: number, settle: () => Promise<void>): Promise<void> {
    for (;;) {
      const due = [...this.#timers].filter(({ dueMs }) => dueMs <= ms);
      const first = due.reduce<Timer | undefined>(
        (one, other) => (one && one.dueMs <= other.dueMs ? one : other),
        undefined,
      );
      if (!first) break;
      this.#timers.delete(first);
      this.#ms = Math.max(this.#ms, first.dueMs);
      first.callback();
      await settle();
    }
    this.#ms = Math.max(this.#ms, ms);
  }
}
