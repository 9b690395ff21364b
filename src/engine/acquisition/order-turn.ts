import type { CallDeadline } from '../../contract/call-deadline.ts';
import { type TurnWatch, watchTurns } from '../session/turn-watch.ts';

/**
 * One order until its first message goes out. With a deadline it can be said for sure that nothing was sent in two cases only: before the driver was
 * asked, and while the exchange the driver began with stands in the queue. All else counts as begun.
 */
export class OrderTurn implements TurnWatch {
  /** Ends what the order waits for: with `orders`, and with the deadline while nothing was sent. */
  readonly signal: AbortSignal;
  readonly #deadline: CallDeadline | undefined;
  #isAsking = false;
  #hasBegun = false;

  constructor(orders: AbortSignal, deadline: CallDeadline | undefined) {
    this.#deadline = deadline;
    this.signal = deadline ? AbortSignal.any([orders, deadline.signal]) : orders;
    deadline?.hold();
    if (deadline) watchTurns(this.signal, this);
  }

  /** Asks the driver, now. Throws call.expired before that. */
  send<T>(ask: () => Promise<T>): Promise<T> {
    const deadline = this.#deadline;
    if (!deadline) return ask();
    deadline.signal.throwIfAborted();
    deadline.begin();
    this.#isAsking = true;
    try {
      return ask();
    } finally {
      this.#isAsking = false;
    }
  }

  queued(): void {
    // One that comes later may stand behind another that was sent.
    if (this.#isAsking && !this.#hasBegun) this.#deadline?.hold();
  }

  begins(): void {
    this.#hasBegun = true;
    this.#deadline?.begin();
  }
}
