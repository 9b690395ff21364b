import type { Clock } from './clock.ts';
import { createDeferred } from './deferred.ts';
import { LabError } from './errors.ts';
import { RestartLimit } from './restart-limit.ts';

/** A child process, whatever started it. */
export interface KeptChild {
  /** Asks it to end in order. */
  close(): void;
  kill(): void;
  /** Called once; `how`: `code 1`, `SIGKILL`, why it could not be started. */
  onExit(listener: (how: string) => void): void;
}

export interface KeptProcessOptions {
  /** For the person, at the begin of a sentence: `The hub`. */
  name: string;
  clock: Pick<Clock, 'after' | 'monotonicMs'>;
  /** Throws when it cannot be started at all. */
  fork(): KeptChild;
  /** It ended unasked. `retryMs`: it is started again after that; null: it is not. */
  ended(end: { reason: string; retryMs: number | null }): void;
  restarts?: RestartLimit;
  /** How long it may take to end in order, ms. Default 10 s. */
  closeLimitMs?: number;
}

/**
 * A process that is started again when it dies, until it dies too often.
 *
 *            start()              exit
 *      idle ────────▶ running ───────────▶ waiting ──pause──▶ running
 *       ▲               │  ▲                  │
 *       │               │  └──── start() ─── failed ◀── too many in a minute, or it cannot be started
 *       │             stop()                  │
 *       │               ▼                     │ stop()
 *       └── exit ── closing ── limit: kill    └──▶ idle
 */
export class KeptProcess {
  readonly #options: KeptProcessOptions;
  readonly #restarts: RestartLimit;
  #state: 'idle' | 'running' | 'waiting' | 'failed' | 'closing' = 'idle';
  #child: KeptChild | undefined;
  #pause: Disposable | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: KeptProcessOptions) {
    this.#options = options;
    this.#restarts = options.restarts ?? new RestartLimit();
  }

  get state(): string {
    return this.#state;
  }

  /** Starts it, or leaves the one that runs; one that was just told to end is waited for first. Throws what starting it throws. */
  start(): Promise<void> {
    return this.#inTurn(() => this.#open());
  }

  /** Ends it in order, by force after the limit; fine if it does not run. */
  stop(): Promise<void> {
    return this.#inTurn(() => this.#close());
  }

  /** One order after the other: the last one holds. */
  #inTurn(order: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(order);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #open(): Promise<void> {
    if (this.#state === 'running' || this.#state === 'waiting') return;
    this.#restarts.reset();
    this.#fork();
  }

  async #close(): Promise<void> {
    this.#pause?.[Symbol.dispose]();
    const child = this.#child;
    if (child) {
      this.#state = 'closing';
      const gone = createDeferred<void>();
      child.onExit(() => gone.resolve());
      const limit = this.#options.clock.after(this.#options.closeLimitMs ?? 10_000, () => child.kill());
      child.close();
      await gone.promise;
      limit[Symbol.dispose]();
    }
    this.#state = 'idle';
  }

  #fork(): void {
    const child = this.#options.fork();
    this.#child = child;
    this.#state = 'running';
    child.onExit((how) => this.#exited(child, how));
  }

  #exited(child: KeptChild, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#state === 'closing') return;
    this.#again(`${this.#options.name} ended (${how}).`);
  }

  #again(what: string): void {
    const { clock, ended } = this.#options;
    const retryMs = this.#restarts.next(clock.monotonicMs());
    if (retryMs === undefined) {
      this.#state = 'failed';
      const { limit, windowMs } = this.#restarts;
      const reason = `${what} That was too often (${limit + 1} times in ${windowMs / 1000} s): it is not started again. Switch it off and on to try once more.`;
      ended({ reason, retryMs: null });
      return;
    }
    this.#state = 'waiting';
    this.#pause = clock.after(retryMs, () => {
      try {
        this.#fork();
      } catch (error) {
        this.#again(`${this.#options.name} cannot be started: ${LabError.from(error).message}`);
      }
    });
    ended({ reason: `${what} It is started again.`, retryMs });
  }
}
