/** A place in a list; its item can be taken out from anywhere. */
export class ListNode<T> {
  readonly item: T;
  list: LinkedList<T> | undefined;
  previous: ListNode<T> | undefined;
  next: ListNode<T> | undefined;

  constructor(item: T) {
    this.item = item;
  }

  /** Takes it out of its list, if it is in one. */
  leave(): void {
    this.list?.remove(this);
  }
}

/** Doubly linked: what waits is taken out in the middle (evicted, acknowledged, promoted) as cheaply as at the front. */
export class LinkedList<T> {
  #first: ListNode<T> | undefined;
  #last: ListNode<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): ListNode<T> | undefined {
    return this.#first;
  }

  get last(): ListNode<T> | undefined {
    return this.#last;
  }

  push(node: ListNode<T>): void {
    node.list = this;
    node.previous = this.#last;
    node.next = undefined;
    if (this.#last) this.#last.next = node;
    else this.#first = node;
    this.#last = node;
    this.#size++;
  }

  remove(node: ListNode<T>): void {
    if (node.list !== this) return;
    if (node.previous) node.previous.next = node.next;
    else this.#first = node.next;
    if (node.next) node.next.previous = node.previous;
    else this.#last = node.previous;
    node.list = undefined;
    node.previous = undefined;
    node.next = undefined;
    this.#size--;
  }

  *[Symbol.iterator](): Generator<T> {
    let node = this.#first;
    while (node) {
      const next = node.next;
      yield node.item;
      node = next;
    }
  }
}
