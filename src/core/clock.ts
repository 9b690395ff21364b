/** A sleep of the system: nothing was measured between; ns since 1970. */
export interface Sleep {
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

/**
 * Engine time. The wall clock is read once, then the monotonic clock counts, and the sleep of the system: a step of the wall clock moves no sample.
 * The system implementation lives in the engine (`engine/system-clock.ts`), because timers are no business of the pure floors.
 */
export interface Clock {
  /** ns since 1970, never going back. It goes on over a sleep of the system by the length of that. */
  nowNs(): bigint;
  /** ms of the monotonic clock, for intervals; it may stand still while the system sleeps. */
  monotonicMs(): number;
  /** The latest sleep that a reading of `nowNs` noticed, another object each; undefined: none. */
  readonly lastSleep?: Sleep | undefined;
  /** Calls once after `ms`; disposing cancels. */
  after(ms: number, callback: () => void): Disposable;
}

/** Resolves after `ms` of the clock; rejects with the signal's reason when aborted. */
export function delay(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer[Symbol.dispose]();
      reject(signal?.reason);
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

interface Timer {
  dueMs: number;
  order: number;
  callback: () => void;
}

/** A clock moved by hand: tests and replay. Timers fire inside `advance`, in order of their due time. */
export class ManualClock implements Clock {
  lastSleep: Sleep | undefined;
  readonly #startNs: bigint;
  #ms = 0;
  #sleptMs = 0;
  #order = 0;
  #timers = new Set<Timer>();

  constructor(startNs = 1_700_000_000_000_000_000n) {
    this.#startNs = startNs;
  }

  nowNs(): bigint {
    return this.#startNs + BigInt(Math.round((this.#ms + this.#sleptMs) * 1e6));
  }

  monotonicMs(): number {
    return this.#ms;
  }

  after(ms: number, callback: () => void): Disposable {
    const timer = { dueMs: this.#ms + Math.max(0, ms), order: this.#order++, callback };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** The system sleeps for so long: no timer runs, and the monotonic clock stands still. */
  sleep(ms: number): void {
    const fromNs = this.nowNs();
    this.#sleptMs += ms;
    this.lastSleep = { fromNs, toNs: this.nowNs() };
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on by `ms`, firing what becomes due; between timers the microtasks run, so awaited chains proceed. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms;
    for (;;) {
      await settle();
      const next = this.#next();
      if (!next || next.dueMs > end) break;
      this.#timers.delete(next);
      this.#ms = Math.max(this.#ms, next.dueMs);
      next.callback();
    }
    this.#ms = end;
    await settle();
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order))
        first = timer;
    }
    return first;
  }
}

/** Lets chains of promises run on; 20 turns are more than any chain between two timers here. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
