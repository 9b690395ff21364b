import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { NEUROGRAPH_CHANNELS } from '../../../src/protocol/lab/neurograph-role.ts';
import { readToken, signToken } from './jwt.ts';
import type { NeurographKnobs } from './session.ts';
import { NEUROGRAPH_KNOBS, NeurographClient, naiveUtc, TokenStore } from './session.ts';

const SECRET = 'test-secret';
const USERS = new Map([
  ['admin', 'admin123'],
  ['developer', 'developer123'],
  ['viewer', 'viewer123'],
]);

/**
 * NeuroGraph of seed 002 as observed: 0.60.1 refuses every JWT (403); 1.0.0 takes the first scope for the role, so that a login is denied every channel;
 * reconnection tokens restore a session and replay nothing; JSON pings, an error for a pong, 1006 for a binary frame, rate limits that drop the request.
 */
export class NeurographServer implements AsyncDisposable {
  readonly knobs: NeurographKnobs;
  readonly requests: string[] = [];
  /** Text of the metrics page; undefined: there is none. */
  metricsPage: string | undefined =
    '# TYPE neurograph_ws_connections_total gauge\nneurograph_ws_connections_total 1.0\n';
  /** Path of the page: upstream has it behind a login. */
  metricsPath = '/api/v1/metrics';
  /** Numbers of the `metrics` channel. */
  metrics: Record<string, number | null> = { cpu_percent: null, memory_mb: null, events_per_sec: null };
  readonly clients = new Set<NeurographClient>();
  /** Every client there ever was. */
  readonly seen: NeurographClient[] = [];
  readonly #tokens = new TokenStore();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #http = createServer((request, response) => void this.#rest(request, response));
  readonly #upgrader = new WebSocketServer({
    noServer: true,
    // As with Starlette: none is chosen.
    handleProtocols: () => false,
    perMessageDeflate: { serverMaxWindowBits: 12, clientMaxWindowBits: 12, zlibDeflateOptions: { memLevel: 5 } },
  });

  private constructor(knobs: Partial<NeurographKnobs>) {
    this.knobs = { ...NEUROGRAPH_KNOBS, ...knobs };
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#timers.push(
      setInterval(() => {
        for (const client of this.clients) client.send({ type: 'ping', timestamp: naiveUtc() });
      }, this.knobs.pingMs),
      setInterval(() => this.emitMetrics(), this.knobs.metricsMs),
    );
  }

  static async start(knobs: Partial<NeurographKnobs> = {}, port = 0): Promise<NeurographServer> {
    const server = new NeurographServer(knobs);
    server.#http.listen(port, '127.0.0.1');
    await once(server.#http, 'listening');
    return server;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** A token minted by hand: its role is its first scope. `lifeS`: until it expires, negative for one that did. */
  mint(role: string, user = `u-${role}`, lifeS = 900, token_type = 'access'): string {
    return signToken(SECRET, { sub: user, scopes: [role], exp: Date.now() / 1000 + lifeS, token_type });
  }

  /** An event to all subscribers of a channel; gives how many there were. */
  broadcast(channel: string, eventType: string, data: unknown): number {
    const event = { channel, timestamp: naiveUtc(), event_type: eventType, data };
    const subscribers = [...this.clients].filter((client) => client.channels.has(channel));
    for (const client of subscribers) client.send(event);
    return subscribers.length;
  }

  emitMetrics(): void {
    const subscriptions = [...this.clients].reduce((sum, { channels }) => sum + channels.size, 0);
    const totals = { total_connections: this.clients.size, total_subscriptions: subscriptions, buffered_events: 0 };
    this.broadcast('metrics', 'system_metrics', { ...this.metrics, ...totals });
  }

  /** A binary message to everybody: the library has the frames, nothing upstream sends them. */
  sendBinary(bytes: Uint8Array): void {
    for (const client of this.clients) client.socket.send(bytes);
  }

  cut(): void {
    for (const client of this.clients) client.socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    this.cut();
    this.#http.closeAllConnections();
    if (!this.#http.listening) return;
    this.#http.close();
    await once(this.#http, 'close');
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? '/', 'http://host');
    const token = url.searchParams.get('token');
    const stored = this.#tokens.take(url.searchParams.get('reconnection_token') ?? '');
    const claims = token === null ? undefined : readToken(SECRET, token);
    // A restored session skips the token entirely; else a bad one is closed before it is accepted, which is a 403 without a word.
    const isRefused = !stored && token !== null && (this.knobs.version === '0.60.1' || !claims);
    if (url.pathname !== '/ws' || isRefused) {
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => undefined);
      const who = stored
        ? { ...stored, isRestored: true }
        : { userId: claims?.sub ?? null, role: claims?.scopes[0], channels: [], isRestored: false };
      const client = new NeurographClient(webSocket, who, this.knobs, this.#tokens);
      this.clients.add(client);
      this.seen.push(client);
      webSocket.on('close', () => this.clients.delete(client));
    });
  }

  async #rest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://host');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.requests.push(`${request.method} ${url.pathname}`);
    const answer = (status: number, body: unknown): void => {
      const isText = typeof body === 'string';
      response.writeHead(status, { 'content-type': isText ? 'text/plain; version=0.0.4' : 'application/json' });
      response.end(isText ? body : JSON.stringify(body));
    };
    const bearer = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    if (url.pathname === this.metricsPath && this.metricsPage !== undefined) {
      if (this.metricsPath.startsWith('/api/') && !readToken(SECRET, bearer))
        return answer(401, { detail: 'Not authenticated' });
      return answer(200, this.metricsPage);
    }
    const channel = /^\/api\/v1\/websocket\/channels\/(\w+)$/.exec(url.pathname)?.[1];
    if (channel !== undefined) {
      const ids = [...this.clients].filter(({ channels }) => channels.has(channel)).map(({ id }) => id);
      return answer(200, { channel, subscribers: ids.length, subscriber_ids: ids });
    }
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /api/v1/websocket/status':
        return answer(200, {
          status: 'ok',
          websocket: { endpoint: '/ws', protocol: 'ws', total_connections: this.clients.size, clients: [] },
        });
      case 'GET /api/v1/websocket/channels':
        return answer(200, { channels: NEUROGRAPH_CHANNELS, descriptions: {} });
      case 'POST /api/v1/websocket/broadcast': {
        // No login is asked for.
        const to = url.searchParams.get('channel') ?? '';
        const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<string, unknown>;
        const subscribers = this.broadcast(to, String(body.event_type ?? 'event'), body.data ?? body);
        return answer(200, { status: 'ok', channel: to, subscribers, message_sent: true });
      }
      case 'POST /api/v1/auth/login': {
        const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as { username?: string; password?: string };
        const user = body.username ?? '';
        if (!USERS.has(user) || USERS.get(user) !== body.password)
          return answer(401, { detail: 'Incorrect username or password' });
        const scopes = this.knobs.version === 'fixed' ? [user] : ['tokens:read', 'metrics:read', 'status:read'];
        const access_token = signToken(SECRET, {
          sub: user,
          scopes,
          exp: Date.now() / 1000 + 900,
          token_type: 'access',
        });
        return answer(200, { access_token, refresh_token: 'none', token_type: 'bearer', expires_in: 900, scopes });
      }
      default:
        return answer(404, { detail: 'Not Found' });
    }
  }
}
