import { LabError } from '../../core/errors.ts';

interface Task {
  bytes: number;
  run: () => Promise<void>;
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

  get length(): number {
    return this.#tasks.length;
  }

  push(bytes: number, run: () => Promise<void>): void {
    if (this.#isStopped) return;
    this.#tasks.push({ bytes, run });
    this.#bytes += bytes;
    this.#running ??= this.#drain();
  }

  /** Resolves when nothing waits or runs any more; never rejects. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #drain(): Promise<void> {
    // A turn later, so that `push` has returned before anything can fail.
    await Promise.resolve();
    for (let task = this.#tasks.shift(); task; task = this.#tasks.shift()) {
      try {
        await task.run();
        this.#bytes -= task.bytes;
      } catch (error) {
        this.#isStopped = true;
        this.#tasks = [];
        this.#bytes = 0;
        this.#running = undefined;
        this.#onFailed(LabError.from(error));
        return;
      }
    }
    this.#running = undefined;
  }
}
