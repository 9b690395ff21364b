import { LabError } from '../core/errors.ts';
import type { Link } from '../lab/link/open-link.ts';
import { openLink } from '../lab/link/open-link.ts';
import type { LinkSnapshot } from '../lab/link-state.ts';
import { MessageProtocol } from '../lab/message-protocol.ts';
import type { LinkPorts, SocketData } from '../lab/ports.ts';

/** Where a link is, in four words; `snapshot` says it finer. */
export const LabLinkStatus = {
  CONNECTING: 'connecting',
  CONNECTED: 'connected',
  RECONNECTING: 'reconnecting',
  /** Not wanted, given up for 30 s at a time, put out, or refused: `snapshot.reason` says which. */
  DISCONNECTED: 'disconnected',
} as const;
export type LabLinkStatus = (typeof LabLinkStatus)[keyof typeof LabLinkStatus];

export interface LabLinkOptions<Message = unknown> {
  url: string;
  /** False: no connection is made. Default true. */
  shouldConnect?: boolean | undefined;
  /** Default true. */
  autoReconnect?: boolean | undefined;
  /** Default 10; after them one try each 30 s, with status DISCONNECTED. */
  maxReconnectAttempts?: number | undefined;
  /** Without any message for so long the connection is made anew; ms, default 60000. */
  heartbeatTimeout?: number | undefined;
  /** Checks a message; what it throws at is left out and given to `onError`. Without it a message is taken for what the type says. */
  parse?: ((message: unknown) => Message) | undefined;
  /** JSON as it is (NaN and Infinity are taken), other text as text, binary as Uint8Array. */
  onMessage?: ((message: Message) => void) | undefined;
  onOpen?: (() => void) | undefined;
  onClose?: ((end: { reason: string }) => void) | undefined;
  /** No try will help (a refusal, a URL that is none), or a message that `parse` does not take. */
  onError?: ((error: LabError) => void) | undefined;
  protocols?: readonly string[] | undefined;
  /** Of the upgrade; browsers cannot. */
  headers?: Readonly<Record<string, string>> | undefined;
}

/** A connection to a server of messages that comes back by itself. */
export interface LabLink<Message = unknown> {
  readonly status: LabLinkStatus;
  readonly lastMessage: Message | undefined;
  /** Try under way or waited for; 0 while none is needed. */
  readonly reconnectAttempt: number;
  readonly snapshot: LinkSnapshot;
  /** False: there is no open connection, nothing was sent. */
  send(data: SocketData): boolean;
  /** Tries at once. */
  reconnect(): void;
  /** No tries until `reconnect`. */
  disconnect(): void;
  /** Told after each change of status, attempt or last message; gives what ends it. */
  subscribe(listener: () => void): () => void;
  /** Ends it for good: no timer is left at once, it resolves when the socket is gone. */
  close(): Promise<void>;
}

/** Opens a link over these ports; `createLabLink` of the package has those of its host. What callbacks throw is reported as uncaught and changes nothing. */
export function openLabLink<Message = unknown>(options: LabLinkOptions<Message>, ports: LinkPorts): LabLink<Message> {
  return new RunningLabLink(options, ports);
}

class RunningLabLink<Message> implements LabLink<Message> {
  readonly #options: LabLinkOptions<Message>;
  readonly #listeners = new Set<() => void>();
  readonly #link: Link;
  #lastMessage: Message | undefined;
  #isOpen = false;
  #error: string | undefined;

  constructor(options: LabLinkOptions<Message>, ports: LinkPorts) {
    this.#options = options;
    const protocol = new MessageProtocol({
      url: () => checkedUrl(options.url),
      protocols: options.protocols,
      headers: options.headers,
      deadMs: options.heartbeatTimeout ?? 60_000,
      onMessage: (message) => this.#take(message),
    });
    this.#link = openLink(protocol, ports, {
      isIdle: true,
      ...(options.autoReconnect === undefined ? {} : { autoReconnect: options.autoReconnect }),
      ...(options.maxReconnectAttempts === undefined ? {} : { maxAttempts: options.maxReconnectAttempts }),
      onChange: (snapshot) => this.#changed(snapshot),
    });
    if (options.shouldConnect !== false) this.#link.reconnect();
  }

  get status(): LabLinkStatus {
    return statusOf(this.snapshot);
  }

  get lastMessage(): Message | undefined {
    return this.#lastMessage;
  }

  get reconnectAttempt(): number {
    return this.snapshot.attempt;
  }

  get snapshot(): LinkSnapshot {
    return this.#link.snapshot;
  }

  send(data: SocketData): boolean {
    return this.#link.send(data);
  }

  reconnect(): void {
    this.#link.reconnect();
  }

  disconnect(): void {
    this.#link.disconnect();
  }

  subscribe(listener: () => void): () => void {
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  async close(): Promise<void> {
    await this.#link[Symbol.asyncDispose]();
    this.#listeners.clear();
  }

  #take(message: unknown): void {
    const { parse, onMessage, onError } = this.#options;
    try {
      this.#lastMessage = parse ? parse(message) : (message as Message);
    } catch (cause) {
      guarded(() => onError?.(malformed(cause)));
      return;
    }
    const taken = this.#lastMessage;
    guarded(() => onMessage?.(taken));
    this.#publish();
  }

  #changed(snapshot: LinkSnapshot): void {
    const { onOpen, onClose, onError } = this.#options;
    const isOpen = snapshot.word === 'connected';
    const wasOpen = this.#isOpen;
    this.#isOpen = isOpen;
    if (isOpen && !wasOpen) guarded(() => onOpen?.());
    if (!isOpen && wasOpen) guarded(() => onClose?.({ reason: snapshot.reason }));
    const { error } = snapshot;
    if (error && error.message !== this.#error) guarded(() => onError?.(LabError.fromRecord(error)));
    this.#error = error?.message;
    this.#publish();
  }

  #publish(): void {
    for (const listener of [...this.#listeners]) guarded(listener);
  }
}

function statusOf({ word }: LinkSnapshot): LabLinkStatus {
  switch (word) {
    case 'connecting':
    case 'handshaking':
      return LabLinkStatus.CONNECTING;
    case 'connected':
    case 'degraded':
      return LabLinkStatus.CONNECTED;
    case 'reconnecting':
      return LabLinkStatus.RECONNECTING;
    case 'idle':
    case 'suspended':
    case 'disconnected':
    case 'failed':
      return LabLinkStatus.DISCONNECTED;
  }
}

/** `ws://…` as it is, `http://…` as the socket of the same place. Throws call.invalid. */
function checkedUrl(url: string): string {
  const right = url.replace(/^http/i, 'ws');
  if (/^wss?:\/\/[^/]/i.test(right)) return right;
  throw new LabError(
    'call.invalid',
    `"${url}" is no address of a WebSocket. Nothing was connected. Write ws://host:port/path.`,
  );
}

function malformed(cause: unknown): LabError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new LabError(
    'server.malformed',
    `A message is not what was expected (${why}). It was left out; the link goes on.`,
    {},
    { cause },
  );
}

/** A fault of a callback is its owner's: it is thrown where nothing of the link is on the stack. */
function guarded(call: () => void): void {
  try {
    call();
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}
