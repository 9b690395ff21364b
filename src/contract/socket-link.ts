import { LabError } from '../core/errors.ts';
import type { Link, LinkMessage } from './link.ts';
import { createInbox } from './link-inbox.ts';

/** What the browser's WebSocket and that of `ws` share. */
export interface SocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: string | ArrayBuffer): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number; reason: string }) => void): void;
  addEventListener(type: 'open' | 'error', listener: (event: unknown) => void): void;
}

/** The subprotocol of the contract. The engine picks it from the two a screen offers; the other one is the token. */
export const SOCKET_PROTOCOL = 'labwire.screen';

/** Path of the WebSocket below the address of the engine. */
const SOCKET_PATH = 'link';

/**
 * Where and with which subprotocols to open the WebSocket of an engine: `new WebSocket(...socketAddress(page, token))`.
 * `page`: the engine's address, `http://127.0.0.1:8080/`; query and fragment do not matter. The token is in the fragment of the page's
 * address, `#token=…`.
 */
export function socketAddress(page: string, token: string): [url: string, protocols: string[]] {
  const { protocol, host } = new URL(page);
  return [`${protocol === 'https:' ? 'wss' : 'ws'}://${host}/${SOCKET_PATH}`, [SOCKET_PROTOCOL, token]];
}

export interface SocketLinkOptions {
  /** More than this handed over and not taken: the other side does not read, and the link ends. Default 64 MiB. */
  maxPendingBytes?: number | undefined;
}

const OPEN = 1;
/** RFC 6455 7.4.1: normal closure. 7.4.2: 4000–4999 are private; ours carries a reason that is a failure. */
const NORMAL = 1000;
const FAILED = 4000;
/** RFC 6455 5.5: a close frame holds at most 125 bytes, two of them the code. */
const MAX_REASON_BYTES = 123;

/** A link over a WebSocket that is open. */
export function createSocketLink(socket: SocketLike, options: SocketLinkOptions = {}): Link {
  return new SocketLink(socket, options.maxPendingBytes ?? 64 * 1024 * 1024);
}

/** Waits for a socket to open. Throws `link.closed` when it does not: refused, wrong token, wrong origin, no such server. */
export function openSocketLink(socket: SocketLike, options: SocketLinkOptions = {}): Promise<Link> {
  return new Promise((resolve, reject) => {
    let isOpen = false;
    // Before it opens, so that no message can come between.
    socket.binaryType = 'arraybuffer';
    const open = (): void => {
      isOpen = true;
      resolve(createSocketLink(socket, options));
    };
    const refuse = (reason: string): void => {
      if (isOpen) return;
      reject(new LabError('link.closed', `No connection to the engine${reason ? `: ${reason}` : ''}. Is it running?`));
    };
    // An error is always followed by a close, which has the reason; `ws` throws if nobody listens.
    socket.addEventListener('error', () => {});
    socket.addEventListener('close', (event) => refuse(event.reason));
    if (socket.readyState === OPEN) open();
    else socket.addEventListener('open', open);
  });
}

class SocketLink implements Link {
  readonly closed: Promise<string>;
  readonly #inbox = createInbox((reason) => this.end(reason));
  readonly #socket: SocketLike;
  readonly #maxPendingBytes: number;
  #ended: string | undefined;
  #resolveClosed: (reason: string) => void = () => {};

  constructor(socket: SocketLike, maxPendingBytes: number) {
    this.#socket = socket;
    this.#maxPendingBytes = maxPendingBytes;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', (event) => this.#receive(event.data));
    socket.addEventListener('error', () => {});
    socket.addEventListener('close', (event) => this.#finish(event.reason || 'The connection to the engine ended.'));
    if (socket.readyState > OPEN) this.#finish('The connection had ended already.');
  }

  get pendingBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(message: LinkMessage): void {
    if (this.#ended !== undefined || this.#socket.readyState !== OPEN) return;
    this.#socket.send(message);
    if (this.#socket.bufferedAmount > this.#maxPendingBytes) this.end('The other side does not read what it is sent.');
  }

  onMessage(listener: (message: LinkMessage) => void): void {
    this.#inbox.listen(listener);
  }

  end(reason: string): void {
    if (this.#ended !== undefined) return;
    // Before `close`: our end is ended at once, however long the other side takes for the closing handshake.
    this.#finish(reason || 'The link was closed.');
    this.#socket.close(reason ? FAILED : NORMAL, cutReason(reason));
  }

  [Symbol.dispose](): void {
    this.end('');
  }

  #receive(data: unknown): void {
    if (this.#ended !== undefined) return;
    if (typeof data === 'string' || data instanceof ArrayBuffer) this.#inbox.take(data);
    else this.end('The other side sent what is neither text nor bytes.');
  }

  #finish(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#resolveClosed(reason);
  }
}

/** A reason that fits a close frame, cut between characters. */
function cutReason(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  if (bytes.length <= MAX_REASON_BYTES) return reason;
  let end = MAX_REASON_BYTES - 3;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${new TextDecoder().decode(bytes.subarray(0, end))}…`;
}
