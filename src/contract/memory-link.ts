import type { Link, LinkMessage } from './link.ts';
import { createInbox } from './link-inbox.ts';

/** Reason of an end nobody gave a reason for. */
const ENDED = 'The link was closed.';

/**
 * Two ends of one link inside a process: the command line with its own engine, the hub, tests. Messages are handed over by reference
 * in a microtask, never inside `send`.
 */
export function createMemoryLinks(): [Link, Link] {
  const first = new MemoryLink();
  const second = new MemoryLink();
  first.join(second);
  second.join(first);
  return [first, second];
}

class MemoryLink implements Link {
  readonly closed: Promise<string>;
  readonly #inbox = createInbox((reason) => this.end(reason));
  readonly #outgoing: LinkMessage[] = [];
  #pendingBytes = 0;
  #peer: MemoryLink | undefined;
  #ended: string | undefined;
  #isDelivering = false;
  #resolveClosed: (reason: string) => void = () => {};

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  join(peer: MemoryLink): void {
    this.#peer = peer;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  send(message: LinkMessage): void {
    if (this.#ended !== undefined) return;
    this.#outgoing.push(message);
    this.#pendingBytes += sizeOf(message);
    this.#schedule();
  }

  onMessage(listener: (message: LinkMessage) => void): void {
    this.#inbox.listen(listener);
  }

  end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason || ENDED;
    this.#schedule();
  }

  [Symbol.dispose](): void {
    this.end('');
  }

  #schedule(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    this.#isDelivering = false;
    const message = this.#outgoing.shift();
    if (message !== undefined) {
      this.#pendingBytes -= sizeOf(message);
      this.#schedule();
      this.#peer?.receive(message);
    } else if (this.#ended !== undefined) {
      this.#resolveClosed(this.#ended);
      this.#peer?.end(this.#ended);
    }
  }

  receive(message: LinkMessage): void {
    if (this.#ended === undefined) this.#inbox.take(message);
  }
}

function sizeOf(message: LinkMessage): number {
  return typeof message === 'string' ? message.length : message.byteLength;
}
