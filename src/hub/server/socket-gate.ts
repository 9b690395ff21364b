import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type PerMessageDeflateOptions, type WebSocket, WebSocketServer } from 'ws';
import { LabError } from '../../core/errors.ts';
import { ANONYMOUS, type Principal } from '../access/principal.ts';
import type { HubParts } from '../hub-parts.ts';
import { bearerOf, callerOf } from './bearer.ts';
import type { Profile, SocketDoor } from './door.ts';
import { type FenceOptions, refuseRequest } from './fence.ts';
import { retryAfterOf, statusOf } from './http-error.ts';
import { MeteredSocket } from './metered-socket.ts';

/**
 * RFC 7692 as seed 003 sets it: window 12, memory 5, level 6. Contexts are kept between messages: 200-byte messages shrink by 70 % instead of 30. A
 * bomb is stopped by the longest message a door takes.
 */
const DEFLATE: PerMessageDeflateOptions = {
  serverMaxWindowBits: 12,
  clientMaxWindowBits: 12,
  zlibDeflateOptions: { level: 6, memLevel: 5 },
  threshold: 0,
  concurrencyLimit: 4,
};

/** Answers WebSocket handshakes: fence, door, token, limits; then the door has the socket. */
export class SocketGate {
  readonly #parts: HubParts;
  readonly #fence: FenceOptions;
  readonly #doors: readonly { door: SocketDoor; server: WebSocketServer }[];

  constructor(parts: HubParts, fence: FenceOptions, doors: readonly SocketDoor[]) {
    this.#parts = parts;
    this.#fence = fence;
    this.#doors = doors.map((door) => ({
      door,
      server: new WebSocketServer({
        noServer: true,
        clientTracking: false,
        WebSocket: MeteredSocket,
        maxPayload: door.maxMessageBytes,
        perMessageDeflate: door.deflate ? DEFLATE : false,
        handleProtocols: (offered) =>
          door.subprotocol !== undefined && offered.has(door.subprotocol) ? door.subprotocol : false,
      }),
    }));
  }

  /** For 'upgrade' of a port. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer, profile: Profile): void => {
    // A peer that goes away during the handshake is no fault.
    socket.on('error', () => socket.destroy());
    this.#admit(request, socket, head, profile).catch((thrown: unknown) => {
      const error = LabError.from(thrown);
      refuse(socket, statusOf(error), error.message, retryAfterOf(error));
    });
  };

  async #admit(request: IncomingMessage, socket: Duplex, head: Buffer, profile: Profile): Promise<void> {
    const refusal = refuseRequest(request.headers, this.#fence);
    if (refusal) return refuse(socket, refusal.status, refusal.text);
    const url = urlOf(request);
    if (!url) return refuse(socket, 400, 'An address that is none.');
    const found = this.#find(request, url, profile);
    if (!found) return refuse(socket, 404, `Nothing listens at ${url.pathname.slice(0, 100)}.`);
    const { door, server } = found;
    const from = callerOf(request).address;
    const principal = await this.#principal(request, url, door);
    if (!principal) return refuse(socket, 403, 'The token is missing, unknown or has run out.');
    const fault = door.check?.(url, principal);
    if (fault) return refuse(socket, fault.status, fault.text);
    this.#parts.connections.admit(from, principal.user);
    server.handleUpgrade(request, socket as never, head, (webSocket: WebSocket) => {
      webSocket.on('error', () => {});
      this.#count(webSocket, socket);
      door.enter({ socket: webSocket, url, from, profile, principal });
    });
  }

  #count(socket: WebSocket, stream: Duplex): void {
    const { metrics, clock } = this.#parts;
    const openedMs = clock.monotonicMs();
    metrics.neurograph.opened();
    if (socket instanceof MeteredSocket) socket.meter(metrics.neurograph, stream);
    socket.once('close', (code) => metrics.neurograph.closed((clock.monotonicMs() - openedMs) / 1000, reasonOf(code)));
  }

  #find(
    request: IncomingMessage,
    url: URL,
    profile: Profile,
  ): { door: SocketDoor; server: WebSocketServer } | undefined {
    const path = url.pathname.replace(/(.)\/+$/, '$1');
    const offered = offeredBy(request);
    const fitting = this.#doors.filter(
      ({ door }) => door.paths.includes(path) && (door.profiles === undefined || door.profiles.includes(profile)),
    );
    return (
      fitting.find(({ door }) => door.subprotocol !== undefined && offered.includes(door.subprotocol)) ??
      fitting.find(({ door }) => door.subprotocol === undefined)
    );
  }

  /** Undefined: refused. */
  async #principal(request: IncomingMessage, url: URL, door: SocketDoor): Promise<Principal | undefined> {
    const token = door.isTokenOffered ? offeredBy(request)[1] : bearerOf(request, url);
    try {
      return await this.#parts.access.authenticate(token, callerOf(request));
    } catch (thrown) {
      if (door.token === 'enter' && token === undefined) return ANONYMOUS;
      this.#parts.log.write('warning', 'socket.refused', { path: url.pathname, why: LabError.from(thrown).code });
      return undefined;
    }
  }
}

/** The subprotocols a client names. */
function offeredBy(request: IncomingMessage): string[] {
  return (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
}

/** Of a close code, in few words: the label of a metric. */
function reasonOf(code: number): string {
  if (code === 1000 || code === 1001 || code === 1005) return 'normal';
  if (code === 1006) return 'lost';
  return code >= 4000 || code === 1012 || code === 1013 ? 'hub' : 'error';
}

function urlOf(request: IncomingMessage): URL | undefined {
  try {
    return new URL(request.url ?? '/', 'http://hub');
  } catch {
    return undefined;
  }
}

function refuse(socket: Duplex, status: number, text: string, retryAfterS?: number): void {
  const body = JSON.stringify({ detail: text });
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfterS === undefined ? [] : [`Retry-After: ${Math.ceil(retryAfterS)}`]),
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  socket.once('finish', () => socket.destroy());
}
