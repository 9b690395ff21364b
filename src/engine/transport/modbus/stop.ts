import type { LabError } from '../../../core/errors.ts';

/**
 * Ends what waits for a line or is under way on it, once and with a reason. One listener at a time: a message is at one place. (An AbortController for
 * the message, one for the turn and `AbortSignal.any` cost as much as the rest of a question.)
 */
export class Stop {
  #reason: LabError | undefined;
  #listener: ((reason: LabError) => void) | undefined;

  /** Why it ended; undefined: it goes on. */
  get reason(): LabError | undefined {
    return this.#reason;
  }

  /** Ends it; the first reason stays. */
  end(reason: LabError): void {
    if (this.#reason) return;
    this.#reason = reason;
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.(reason);
  }

  /** Called when it ends; undefined: nobody. What has ended before is seen by `reason`. */
  listen(listener: ((reason: LabError) => void) | undefined): void {
    this.#listener = listener;
  }
}
