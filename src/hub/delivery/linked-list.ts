/** Where an item keeps its neighbours in one list. What is in several lists at once has a pair for each. */
export interface Links<T> {
  before(item: T): T | undefined;
  after(item: T): T | undefined;
  setBefore(item: T, other: T | undefined): void;
  setAfter(item: T, other: T | undefined): void;
}

/**
 * Doubly linked through the items themselves: what waits is taken out in the middle (evicted, acknowledged, promoted) as cheaply as at the front, and being in a
 * list costs no object. An item may be in one list of the same links only; its owner sees to that.
 */
export class LinkedList<T> {
  readonly #links: Links<T>;
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  constructor(links: Links<T>) {
    this.#links = links;
  }

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first;
  }

  get last(): T | undefined {
    return this.#last;
  }

  /** Whether an item is in this list, or in another one of the same links. */
  has(item: T): boolean {
    return this.#first === item || this.#links.before(item) !== undefined;
  }

  after(item: T): T | undefined {
    return this.#links.after(item);
  }

  push(item: T): void {
    const last = this.#last;
    this.#links.setBefore(item, last);
    if (last === undefined) this.#first = item;
    else this.#links.setAfter(last, item);
    this.#last = item;
    this.#size++;
  }

  /** Takes an item out, if it is in the list. */
  remove(item: T): void {
    if (!this.has(item)) return;
    const before = this.#links.before(item);
    const after = this.#links.after(item);
    if (before === undefined) this.#first = after;
    else this.#links.setAfter(before, after);
    if (after === undefined) this.#last = before;
    else this.#links.setBefore(after, before);
    this.#links.setBefore(item, undefined);
    this.#links.setAfter(item, undefined);
    this.#size--;
  }

  *[Symbol.iterator](): Generator<T> {
    let item = this.#first;
    while (item !== undefined) {
      const next = this.#links.after(item);
      yield item;
      item = next;
    }
  }
}
