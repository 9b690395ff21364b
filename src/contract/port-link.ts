import type { Link, LinkMessage } from './link.ts';
import { createInbox } from './link-inbox.ts';

/** How a port tells its listeners: a message event has `data`. */
type PortListener = (event: object) => void;

/**
 * What the three kinds of MessagePort share: the page's, Node's, and Electron's MessagePortMain (an emitter, which transfers ports only,
 * never ArrayBuffers: electron#34905).
 */
export interface PortLike {
  postMessage(message: unknown, transfer: never[]): void;
  start?(): void;
  close(): void;
  addEventListener?(type: 'message' | 'close', listener: PortListener): void;
  on?(type: 'message' | 'close', listener: PortListener): unknown;
}

export interface PortLinkOptions {
  /** Move frames instead of copying them: only where both ends live in one process. Default false. */
  transfer?: boolean | undefined;
}

/** The last message of an end that says why. Anything else that is neither text nor an ArrayBuffer is garbage. */
interface EndMessage {
  end: string;
}

/**
 * A link over a MessagePort. Starts the port. A port cannot tell what is on its way: `pendingBytes` is 0 and credit bounds what is sent.
 * The end is told in a last message, because not every page has the `close` event; where there is one, a dead peer ends the link.
 */
export function createPortLink(port: PortLike, options: PortLinkOptions = {}): Link {
  return new PortLink(port, options.transfer === true);
}

class PortLink implements Link {
  readonly pendingBytes = 0;
  readonly closed: Promise<string>;
  readonly #inbox = createInbox((reason) => this.end(reason));
  readonly #port: PortLike;
  readonly #transfers: boolean;
  #isEnded = false;
  #resolveClosed: (reason: string) => void = () => {};

  constructor(port: PortLike, transfers: boolean) {
    this.#port = port;
    this.#transfers = transfers;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const onMessage: PortListener = (event) => this.#receive('data' in event ? event.data : undefined);
    const onClose: PortListener = () => this.#finish('The other side is gone.');
    if (port.addEventListener) {
      port.addEventListener('message', onMessage);
      port.addEventListener('close', onClose);
    } else {
      port.on?.('message', onMessage);
      port.on?.('close', onClose);
    }
    port.start?.();
  }

  send(message: LinkMessage): void {
    if (this.#isEnded) return;
    const moved = this.#transfers && typeof message !== 'string' ? [message] : [];
    this.#port.postMessage(message, moved as never[]);
  }

  onMessage(listener: (message: LinkMessage) => void): void {
    this.#inbox.listen(listener);
  }

  end(reason: string): void {
    if (this.#isEnded) return;
    const message: EndMessage = { end: reason || 'The link was closed.' };
    this.#port.postMessage(message, []);
    this.#finish(message.end);
  }

  [Symbol.dispose](): void {
    this.end('');
  }

  #receive(data: unknown): void {
    if (this.#isEnded) return;
    if (typeof data === 'string' || isArrayBuffer(data)) this.#inbox.take(data);
    else if (isEnd(data)) this.#finish(data.end);
    else this.end('The other side sent what is neither text nor bytes.');
  }

  #finish(reason: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#port.close();
    this.#resolveClosed(reason);
  }
}

/** By tag, not by instanceof: another realm has its own ArrayBuffer. */
function isArrayBuffer(data: unknown): data is ArrayBuffer {
  return Object.prototype.toString.call(data) === '[object ArrayBuffer]';
}

function isEnd(data: unknown): data is EndMessage {
  return typeof data === 'object' && data !== null && 'end' in data && typeof data.end === 'string';
}
