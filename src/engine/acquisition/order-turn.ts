import type { CallDeadline } from '../../contract/call-deadline.ts';
import { type TurnWatch, watchTurns } from '../session/turn-watch.ts';

/**
 * One order until its first message goes out. That nothing was sent is sure in two cases: before the driver was asked, and while the first exchange the
 * driver gave the signal to stands in the queue. All else counts as begun.
 */
export class OrderTurn implements TurnWatch {
  /** Ends what the order waits for: with `orders`, and with the deadline while nothing was sent. */
  readonly signal: AbortSignal;
  readonly #deadline: CallDeadline | undefined;
  #hasBegun = false;

  constructor(orders: AbortSignal, deadline: CallDeadline | undefined) {
    this.#deadline = deadline;
    this.signal = deadline ? AbortSignal.any([orders, deadline.signal]) : orders;
    deadline?.hold();
    if (deadline) watchTurns(this.signal, this);
  }

  /** Asks the driver, now. Throws call.expired before that. */
  send<T>(ask: () => Promise<T>): Promise<T> {
    this.#deadline?.signal.throwIfAborted();
    this.#deadline?.begin();
    return ask();
  }

  queued(): void {
    // One that comes later stands behind another that was sent.
    if (!this.#hasBegun) this.#deadline?.hold();
  }

  begins(): void {
    this.#hasBegun = true;
    this.#deadline?.begin();
  }
}
