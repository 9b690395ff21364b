import { LabError } from '../../core/errors.ts';

interface Task {
  bytes: number;
  run: () => Promise<void>;
  prepare: (() => void) | undefined;
}

/**
 * Tasks one after the other, each accounted with the bytes it holds. The first failure stops the queue: what waits is dropped
 * and `onFailed` is called once.
 */
export class SerialQueue {
  readonly #onFailed: (error: LabError) => void;
  #tasks: Task[] = [];
  #bytes = 0;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(onFailed: (error: LabError) => void) {
    this.#onFailed = onFailed;
  }

  /** Bytes waiting or being written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `prepare` is called when it is its turn next, so that work on another thread runs beside the task before it. It must not throw. */
  push(bytes: number, run: () => Promise<void>, prepare?: () => void): void {
    if (this.#isStopped) return;
    this.#tasks.push({ bytes, run, prepare });
    this.#bytes += bytes;
    this.#running ??= this.#drain();
  }

  /** Drops what waits; what runs ends, and its failure is no news. */
  stop(): void {
    this.#isStopped = true;
    this.#tasks = [];
    this.#bytes = 0;
  }

  /** Resolves when nothing waits or runs any more; never rejects. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #drain(): Promise<void> {
    // A turn later, so that `push` has returned before anything can fail.
    await Promise.resolve();
    for (let task = this.#tasks.shift(); task; task = this.#tasks.shift()) {
      this.#tasks[0]?.prepare?.();
      try {
        await task.run();
      } catch (error) {
        const isNews = !this.#isStopped;
        this.stop();
        this.#running = undefined;
        if (isNews) this.#onFailed(LabError.from(error));
        return;
      }
      if (!this.#isStopped) this.#bytes -= task.bytes;
    }
    this.#running = undefined;
  }
}
