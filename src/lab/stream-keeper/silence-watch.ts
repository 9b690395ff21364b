import type { Clock } from '../../core/clock.ts';

/** Barks once when nothing came for a time. Signs of life only note the time; one timer looks at it. */
export class SilenceWatch implements Disposable {
  readonly #clock: Clock;
  readonly #onSilence: (silentMs: number) => void;
  #timer: Disposable | undefined;
  #aliveMs: number;
  #limitMs = 0;
  #hasBarked = false;
  #isOn = false;

  constructor(clock: Clock, onSilence: (silentMs: number) => void) {
    this.#clock = clock;
    this.#onSilence = onSilence;
    this.#aliveMs = clock.monotonicMs();
  }

  /** Watches on, with that limit; ms. */
  on(limitMs: number): void {
    this.#isOn = true;
    this.#limitMs = limitMs;
    this.#arm();
  }

  off(): void {
    this.#isOn = false;
    this.#stop();
  }

  /** Something came, or could come from now on. */
  alive(): void {
    this.#aliveMs = this.#clock.monotonicMs();
    this.#hasBarked = false;
    if (!this.#timer) this.#arm();
  }

  [Symbol.dispose](): void {
    this.off();
  }

  #stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#stop();
    if (!this.#isOn || this.#hasBarked) return;
    const wait = Math.max(0, this.#aliveMs + this.#limitMs - this.#clock.monotonicMs());
    this.#timer = this.#clock.after(wait, () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    const silentMs = this.#clock.monotonicMs() - this.#aliveMs;
    if (silentMs < this.#limitMs) {
      this.#arm();
      return;
    }
    this.#hasBarked = true;
    this.#onSilence(silentMs);
  }
}
