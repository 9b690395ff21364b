/**
 * The time-out of one exchange after another. Its timer is left running when an answer comes in time, and looks at the clock when it fires: setting and
 * clearing one for each question costs as much as understanding the answer. It keeps no process alive; the open line does.
 */
export class Deadline {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #firesMs = 0;
  #dueMs = 0;
  #onLate: (() => void) | undefined;

  /** Calls back once in `ms`, unless it is set anew or cleared before. */
  set(ms: number, onLate: () => void): void {
    this.#onLate = onLate;
    this.#dueMs = performance.now() + ms;
    if (this.#timer === undefined || this.#firesMs > this.#dueMs) this.#start(ms);
  }

  clear(): void {
    this.#onLate = undefined;
  }

  /** Also the timer ends. */
  [Symbol.dispose](): void {
    this.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #start(ms: number): void {
    clearTimeout(this.#timer);
    this.#firesMs = performance.now() + ms;
    this.#timer = setTimeout(() => this.#fire(), ms);
    this.#timer.unref();
  }

  #fire(): void {
    this.#timer = undefined;
    const onLate = this.#onLate;
    if (!onLate) return;
    const leftMs = this.#dueMs - performance.now();
    if (leftMs > 0) {
      this.#start(leftMs);
      return;
    }
    this.#onLate = undefined;
    onLate();
  }
}
