import { abortable } from '../abortable.ts';
import { cancellation } from '../read-buffer.ts';

/** Lets one sender at a time onto the synchronous channel, in the order they came, and each only when nothing stands in the way. */
export class SendTurn {
  readonly #obstacle: () => Promise<unknown> | undefined;
  /** The last sender that is not done. */
  #tail: Promise<void> | undefined;

  /** `obstacle`: what must be over before the next message; it is asked again after each. Rejects: nothing can be sent any more. */
  constructor(obstacle: () => Promise<unknown> | undefined) {
    this.#obstacle = obstacle;
  }

  /** Runs `send` in its turn. Rejects with what it or the obstacle rejects with, or at once with the cancellation; then it may still be under way. */
  take(send: () => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(cancellation(signal));
    const obstacle = this.#tail ?? this.#obstacle();
    const run = obstacle ? this.#after(obstacle, send, signal) : send();
    const tail = run.then(ignore, ignore).then(() => {
      if (this.#tail === tail) this.#tail = undefined;
    });
    this.#tail = tail;
    return abortable(run, signal);
  }

  async #after(first: Promise<unknown>, send: () => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    for (let wait: Promise<unknown> | undefined = first; wait; wait = this.#obstacle()) await wait;
    if (signal?.aborted) throw cancellation(signal);
    await send();
  }
}

function ignore(): void {}
