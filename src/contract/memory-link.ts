import type { Link, LinkMessage } from './link.ts';
import { createInbox } from './link-inbox.ts';

/** Reason of an end nobody gave a reason for. */
const ENDED = 'The link was closed.';

/** Turns of the microtask queue between two messages: longer than any chain of awaits a screen hangs on an answer. */
const TURNS = 10;

/** Runs what was awaited on the message before first, as a real link does, which delivers each message in a task of its own. */
function afterMicrotasks(callback: () => void, turns = TURNS): void {
  queueMicrotask(turns === 0 ? callback : () => afterMicrotasks(callback, turns - 1));
}

/**
 * Two ends of one link inside a process: the command line with its own engine, the hub, tests. Messages are handed over by reference,
 * one at a time through `defer`, never inside `send`. Where sockets and files share the process, pass `setImmediate`, so that a flood of
 * messages does not starve them.
 */
export function createMemoryLinks(defer: (callback: () => void) => void = afterMicrotasks): [Link, Link] {
  const first = new MemoryLink(defer);
  const second = new MemoryLink(defer);
  first.join(second);
  second.join(first);
  return [first, second];
}

class MemoryLink implements Link {
  readonly closed: Promise<string>;
  readonly #inbox = createInbox((reason) => this.end(reason));
  readonly #defer: (callback: () => void) => void;
  readonly #outgoing: LinkMessage[] = [];
  #pendingBytes = 0;
  #peer: MemoryLink | undefined;
  #ended: string | undefined;
  #isDelivering = false;
  #resolveClosed: (reason: string) => void = () => {};

  constructor(defer: (callback: () => void) => void) {
    this.#defer = defer;
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
    this.#defer(() => this.#deliver());
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
