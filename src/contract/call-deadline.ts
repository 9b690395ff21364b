import type { Clock } from '../core/clock.ts';
import { LabError } from '../core/errors.ts';

/**
 * How long the caller of one call waits.
 *
 *      begun ──hold()──▶ waiting ──begin()──▶ begun
 *        │                  │
 *        └─passed: call.unknown   └─passed: call.expired, `signal` aborts; what waits is never sent
 *
 * A call counts as begun from the start; what queues for an instrument holds it until its first message goes out.
 */
export class CallDeadline implements Disposable {
  readonly #abort = new AbortController();
  readonly #timer: Disposable;
  readonly #call: string;
  readonly #limitMs: number;
  readonly #passed: (error: LabError) => void;
  #isWaiting = false;

  /** `passed` is told once, unless it is disposed before. */
  constructor(clock: Clock, limitMs: number, call: string, passed: (error: LabError) => void) {
    this.#call = call;
    this.#limitMs = limitMs;
    this.#passed = passed;
    this.#timer = clock.after(limitMs, () => this.#pass());
  }

  /** Aborts with `call.expired` when the deadline passes while the call waits. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** From now on it waits in a queue. */
  hold(): void {
    this.#isWaiting = true;
  }

  /** From now on it is being carried out. */
  begin(): void {
    this.#isWaiting = false;
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #pass(): void {
    if (!this.#isWaiting) {
      const text = `${this.#call} had begun and was not done within ${this.#limitMs} ms. Whether it was carried out is not known: look at the state, then try again.`;
      this.#passed(new LabError('call.unknown', text));
      return;
    }
    const text = `${this.#call} waited ${this.#limitMs} ms for its turn, which is its deadline, and was not begun. Nothing was sent. Try again when less is waiting, or allow more time.`;
    const expired = new LabError('call.expired', text);
    this.#abort.abort(expired);
    this.#passed(expired);
  }
}
