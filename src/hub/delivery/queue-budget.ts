/** Of all queues of a hub together; bytes. */
const QUEUE_BUDGET_BYTES = 64 * 1024 * 1024;

/**
 * Memory of everything that waits, whoever it waits for. While it is full, who holds more than an equal part gives up as much as it takes; who holds less does
 * not notice, so a slow client costs the others nothing.
 */
export class QueueBudget {
  readonly maxBytes: number;
  readonly #shares = new Set<BudgetShare>();
  #bytes = 0;

  constructor(maxBytes = QUEUE_BUDGET_BYTES) {
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** An equal part for each queue there is; bytes. */
  get fairBytes(): number {
    return this.maxBytes / Math.max(1, this.#shares.size);
  }

  /** The share of one queue, until it is disposed. */
  enter(): BudgetShare {
    const share: BudgetShare = new BudgetShare(this, {
      add: (bytes) => {
        this.#bytes += bytes;
      },
      leave: () => void this.#shares.delete(share),
    });
    this.#shares.add(share);
    return share;
  }
}

/** What one queue takes of the budget. */
export class BudgetShare implements Disposable {
  readonly #budget: QueueBudget;
  readonly #host: { add(bytes: number): void; leave(): void };
  #bytes = 0;
  #hasLeft = false;

  constructor(budget: QueueBudget, host: { add(bytes: number): void; leave(): void }) {
    this.#budget = budget;
    this.#host = host;
  }

  /** So much waits now. */
  set(bytes: number): void {
    if (this.#hasLeft) return;
    this.#host.add(bytes - this.#bytes);
    this.#bytes = bytes;
  }

  /** Part of the budget in use, as far as it is this queue's concern: 0 for one that holds less than an equal part. */
  get utilization(): number {
    return this.#bytes > this.#budget.fairBytes ? this.#budget.bytes / this.#budget.maxBytes : 0;
  }

  [Symbol.dispose](): void {
    this.set(0);
    this.#hasLeft = true;
    this.#host.leave();
  }
}
