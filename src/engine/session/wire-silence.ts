import type { Clock } from '../../core/clock.ts';

export interface DrainOptions {
  quietMs: number;
  maxMs: number;
  minMs?: number | undefined;
  /** True: `minMs` is not waited for any more. */
  isHurried?: (() => boolean) | undefined;
  /** True: the rest is not worth waiting for. */
  isOver?: (() => boolean) | undefined;
}

export interface SilenceHost {
  /** It is quiet: called before anything else can happen. */
  onQuiet(): void;
  /** Nothing will come any more. */
  hasEnded(): boolean;
}

const never = (): boolean => false;

/** Waits for silence on a wire. */
export class WireSilence {
  readonly #clock: Clock;
  readonly #host: SilenceHost;
  #lastByteMs: number;
  /** Wakes the wait before its time. */
  #wake: (() => void) | undefined;

  constructor(clock: Clock, host: SilenceHost) {
    this.#clock = clock;
    this.#host = host;
    this.#lastByteMs = clock.monotonicMs();
  }

  /** When the last byte came, ms of the monotonic clock. */
  get lastByteMs(): number {
    return this.#lastByteMs;
  }

  /** A byte came just now. */
  break(): void {
    this.#lastByteMs = this.#clock.monotonicMs();
  }

  /** A wait under way looks again at what it waits for. */
  nudge(): void {
    this.#wake?.();
  }

  /**
   * Waits until nothing came for `quietMs`, at most `maxMs`; while nothing comes at all, at least `minMs` (an answer may be on its way), unless it
   * `isHurried`. `nudge` makes it ask again. True: quiet.
   */
  async wait({ quietMs, maxMs, minMs = 0, isHurried = never, isOver = never }: DrainOptions): Promise<boolean> {
    const startMs = this.#clock.monotonicMs();
    for (;;) {
      const nowMs = this.#clock.monotonicMs();
      const hasCome = this.#lastByteMs >= startMs;
      const waitMs = isHurried() ? 0 : Math.min(minMs, maxMs);
      const quietAtMs = Math.max(this.#lastByteMs + quietMs, hasCome ? 0 : startMs + waitMs);
      if (nowMs >= quietAtMs) {
        this.#host.onQuiet();
        return true;
      }
      if (nowMs - startMs >= maxMs || this.#host.hasEnded() || isOver()) return false;
      await this.#doze(Math.min(quietAtMs, startMs + maxMs) - nowMs);
    }
  }

  /** A sleep that `nudge` ends. */
  #doze(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer[Symbol.dispose]();
        this.#wake = undefined;
        resolve();
      };
      const timer = this.#clock.after(ms, wake);
      this.#wake = wake;
    });
  }
}
