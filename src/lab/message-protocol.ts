import { LabError } from '../core/errors.ts';
import { redact } from '../core/redact.ts';
import { TAKEN_OFF } from '../core/taken-off.ts';
import { parseTolerantJson } from '../protocol/lab/tolerant-json.ts';
import type { AfterEnd, LinkProtocol, LinkSignal } from './link-protocol.ts';
import type { SocketData } from './ports.ts';

export interface MessageProtocolOptions {
  url(): string;
  protocols?: readonly string[] | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  /** Silent for so long, it is dead; ms. */
  deadMs: number;
  maxMessageBytes?: number | undefined;
  /** JSON as it is, other text as text, binary as bytes (a copy). It must not throw. */
  onMessage(message: unknown): void;
}

/** Any server of messages: open is ready, nothing is ever sent by itself, `{type: "reconnect", retry_after}` is heeded. */
export class MessageProtocol implements LinkProtocol {
  readonly name = 'messages';
  readonly subprotocols: readonly string[];
  readonly deflate = true;
  readonly maxMessageBytes: number;
  readonly heartbeat;
  readonly handshakeMs = 0;
  readonly #options: MessageProtocolOptions;

  constructor(options: MessageProtocolOptions) {
    this.#options = options;
    this.subprotocols = options.protocols ?? [];
    this.maxMessageBytes = options.maxMessageBytes ?? 16 * 1024 * 1024;
    this.heartbeat = { probeMs: 0, deadMs: options.deadMs };
  }

  url(): string {
    return this.#options.url();
  }

  headers(): Readonly<Record<string, string>> {
    return this.#options.headers ?? {};
  }

  opened(): undefined {
    return undefined;
  }

  receive(data: SocketData): LinkSignal | undefined {
    // Lent for the call, and perhaps a Buffer, whose `slice` would be a view.
    const message = typeof data === 'string' ? read(data) : new Uint8Array(data);
    this.#options.onMessage(message);
    if (typeof message !== 'object' || message === null) return { isData: true };
    const { type, retry_after: retryAfter, reason } = message as Record<string, unknown>;
    // Signs of life and errors do not show that the connection is good for anything.
    if (type === 'heartbeat' || type === 'ping' || type === 'pong' || type === 'error') return undefined;
    if (type !== 'reconnect') return { isData: true };
    return {
      ...(typeof retryAfter === 'number' && retryAfter >= 0 ? { retryAfterS: Math.min(retryAfter, 3600) } : {}),
      reason: typeof reason === 'string' ? reason : 'The server asks to connect again.',
    };
  }

  ended(): void {}

  judge({ code, reason, refusal }: Parameters<LinkProtocol['judge']>[0]): AfterEnd {
    if (code === TAKEN_OFF) return { kind: 'superseded', reason: redact(reason) };
    if (code === 4409) return { kind: 'superseded', reason: 'Another window took over.' };
    const isForbidden = code === 1008 || code === 4401 || code === 4403;
    if (isForbidden || refusal?.status === 401 || refusal?.status === 403)
      return { kind: 'fatal', error: refused(refusal ? `HTTP ${refusal.status}` : `close code ${code}`) };
    return { kind: 'retry' };
  }
}

function read(text: string): unknown {
  try {
    return parseTolerantJson(text);
  } catch {
    return text;
  }
}

function refused(how: string): LabError {
  return new LabError(
    'server.unauthorized',
    `The server refuses the connection (${how}). Nothing comes from it. Check the token, and the parameters in the URL.`,
  );
}
