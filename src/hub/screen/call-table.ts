/** A call on its way to the engine. */
export interface RelayedCall {
  readonly call: string;
  /** The page's own number; undefined: it waits for no answer. */
  readonly page: number | undefined;
}

/**
 * Which of the hub's numbers stands for which of the page's. The hub has numbers of its own because it also asks for what a page tells without waiting.
 * Bounded: the engine answers what is too much at once (call.limit), and each answer takes one out.
 */
export class CallTable {
  readonly #calls = new Map<number, RelayedCall>();
  readonly #byPage = new Map<number, number>();
  #next = 1;

  get size(): number {
    return this.#calls.size;
  }

  /** The page waits for an answer under that number. */
  has(page: number): boolean {
    return this.#byPage.has(page);
  }

  add(call: string, page: number | undefined): number {
    const id = this.#next++;
    this.#calls.set(id, { call, page });
    if (page !== undefined) this.#byPage.set(page, id);
    return id;
  }

  /** The hub's number for one of the page's; undefined: answered already. */
  numberOf(page: number): number | undefined {
    return this.#byPage.get(page);
  }

  take(id: number): RelayedCall | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (call?.page !== undefined) this.#byPage.delete(call.page);
    return call;
  }
}
