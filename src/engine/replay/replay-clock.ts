import type { Clock } from '../../core/clock.ts';

interface Timer {
  dueNs: bigint;
  order: number;
  callback: () => void;
}

/**
 * The time of the recording, for rules and math: it goes where the replay goes, and timers fire at the recorded time they are due, however fast that
 * comes. Nothing of it runs while the replay is paused.
 */
export class ReplayClock implements Clock {
  readonly #originNs: bigint;
  #nowNs: bigint;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(startNs: bigint) {
    this.#originNs = startNs;
    this.#nowNs = startNs;
  }

  nowNs(): bigint {
    return this.#nowNs;
  }

  /** ms of recorded time since the start. */
  monotonicMs(): number {
    return Number(this.#nowNs - this.#originNs) / 1e6;
  }

  after(ms: number, callback: () => void): Disposable {
    const timer = { dueNs: this.#nowNs + BigInt(Math.max(1, Math.round(ms * 1e6))), order: this.#order++, callback };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** When the next timer is due; undefined if none waits. */
  get dueNs(): bigint | undefined {
    return this.#next()?.dueNs;
  }

  /** Moves on to a time and fires what is due then; never back. */
  moveTo(timeNs: bigint): void {
    for (let timer = this.#next(); timer && timer.dueNs <= timeNs; timer = this.#next()) {
      this.#timers.delete(timer);
      if (timer.dueNs > this.#nowNs) this.#nowNs = timer.dueNs;
      timer.callback();
    }
    if (timeNs > this.#nowNs) this.#nowNs = timeNs;
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.dueNs < first.dueNs || (timer.dueNs === first.dueNs && timer.order < first.order))
        first = timer;
    }
    return first;
  }
}
