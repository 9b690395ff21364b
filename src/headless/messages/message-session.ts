import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import { redact } from '../../core/redact.ts';
import { createNodePorts } from '../../engine/lab/node-ports.ts';
import { createSystemClock } from '../../engine/system-clock.ts';
import type { Link } from '../../lab/link/open-link.ts';
import { openLink } from '../../lab/link/open-link.ts';
import type { LinkSnapshot } from '../../lab/link-state.ts';
import { MessageProtocol } from '../../lab/message-protocol.ts';

export interface MessageSessionOptions {
  url: string;
  token: string | undefined;
  /** Subscribed to at each connection. */
  channels: readonly string[];
  onMessage(message: unknown): void;
  /** What happens to the connection, for the verbose: one line. */
  onLog(text: string): void;
}

/**
 * A server of channels as a person uses it by hand: subscriptions are kept over connections and asked for in one message each, and a server's own ping is not
 * answered (NeuroGraph calls that an error).
 */
export class MessageSession implements AsyncDisposable {
  readonly #options: MessageSessionOptions;
  readonly #link: Link;
  readonly #ports;
  readonly #channels: Set<string>;
  readonly #opened = createDeferred<void>();
  readonly #over = createDeferred<void>();
  #isOpen = false;
  #wasOpen = false;
  #pingMs: number | undefined;
  #roundTripMs: number | undefined;
  #line = '';

  constructor(options: MessageSessionOptions) {
    this.#options = options;
    this.#channels = new Set(options.channels);
    this.#over.promise.catch(() => {});
    const url = socketUrl(options.url, options.token);
    this.#ports = createNodePorts(createSystemClock());
    const protocol = new MessageProtocol({
      url: () => url,
      headers: options.token === undefined ? undefined : { authorization: `Bearer ${options.token}` },
      deadMs: 100_000,
      onMessage: (message) => this.#take(message),
    });
    this.#link = openLink(protocol, this.#ports, { isIdle: true, onChange: (snapshot) => this.#changed(snapshot) });
  }

  /** Connects. Throws server.unreachable, server.unauthorized: what cannot be reached at first is not tried again. */
  async open(): Promise<void> {
    this.#options.onLog(`Connecting to ${redact(this.#options.url)}`);
    this.#link.reconnect();
    await this.#opened.promise;
  }

  /** Rejects when the server will not be reached any more. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** ms of the last ping that was answered; once. */
  takeRoundTrip(): number | undefined {
    const taken = this.#roundTripMs;
    this.#roundTripMs = undefined;
    return taken;
  }

  /** False: there is no connection just now. */
  ping(): boolean {
    this.#pingMs = this.#ports.clock.monotonicMs();
    return this.#send({ type: 'ping' });
  }

  subscribe(channels: readonly string[]): boolean {
    for (const channel of channels) this.#channels.add(channel);
    return this.#send({ type: 'subscribe', channels });
  }

  unsubscribe(channels: readonly string[]): boolean {
    for (const channel of channels) this.#channels.delete(channel);
    return this.#send({ type: 'unsubscribe', channels });
  }

  askSubscriptions(): boolean {
    return this.#send({ type: 'get_subscriptions' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link[Symbol.asyncDispose]();
    this.#ports[Symbol.dispose]();
  }

  #send(message: Record<string, unknown>): boolean {
    const text = JSON.stringify(message);
    this.#options.onLog(`-> ${text}`);
    return this.#link.send(text);
  }

  #take(message: unknown): void {
    const isPong = typeof message === 'object' && message !== null && (message as { type?: unknown }).type === 'pong';
    if (isPong && this.#pingMs !== undefined) {
      this.#roundTripMs = this.#ports.clock.monotonicMs() - this.#pingMs;
      this.#pingMs = undefined;
    }
    this.#options.onMessage(message);
  }

  #changed(snapshot: LinkSnapshot): void {
    const { word, reason, attempt, maxAttempts } = snapshot;
    const line = word === 'reconnecting' ? `${word} (${attempt}/${maxAttempts}) ${reason}` : `${word} ${reason}`;
    if (line !== this.#line) this.#options.onLog(line.trim());
    this.#line = line;
    const isOpen = word === 'connected';
    // Every connection begins without subscriptions.
    if (isOpen && !this.#isOpen) queueMicrotask(() => this.#begin());
    this.#isOpen = isOpen;
    if (isOpen) {
      this.#wasOpen = true;
      return;
    }
    const failure = failureOf(snapshot, this.#wasOpen);
    if (!failure) return;
    this.#opened.reject(failure);
    this.#over.reject(failure);
    this.#link.disconnect();
  }

  #begin(): void {
    if (this.#channels.size > 0) this.#send({ type: 'subscribe', channels: [...this.#channels] });
    this.#opened.resolve();
  }
}

function failureOf({ word, error, reason }: LinkSnapshot, wasOpen: boolean): LabError | undefined {
  if (error) return LabError.fromRecord(error);
  if (word !== 'suspended' && (wasOpen || word !== 'reconnecting')) return undefined;
  return new LabError(
    'server.unreachable',
    `${reason} Nothing is received. Check the address, and that the server runs.`,
  );
}

/** The URL as a socket, the token in its query as such servers want it, unless one stands there. Throws call.invalid. */
function socketUrl(text: string, token: string | undefined): string {
  const spelled = /^\w+:\/\//.test(text) ? text.replace(/^http/i, 'ws') : `ws://${text}`;
  let url: URL;
  try {
    url = new URL(spelled);
  } catch {
    throw new LabError('call.invalid', `--url "${redact(text)}" is no address. Write ws://host:port/path.`);
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw new LabError(
      'call.invalid',
      `--url "${redact(text)}" is no address of a WebSocket. Write ws://host:port/path.`,
    );
  if (token !== undefined && !url.searchParams.has('token')) url.searchParams.set('token', token);
  return url.href;
}
