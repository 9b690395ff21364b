import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';

/** A pause that somebody may end before its time. */
export class Hurry {
  #wake: (() => void) | undefined;

  /** Ends the pause under way, if there is one. */
  now(): void {
    this.#wake?.();
  }

  /** Resolves after `ms`, or when hurried; rejects with the signal's reason when aborted. */
  async pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const hurried = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    try {
      await Promise.race([delay(clock, ms, AbortSignal.any([signal, ended.signal])), hurried]);
    } finally {
      this.#wake = undefined;
      ended.abort();
    }
  }
}
