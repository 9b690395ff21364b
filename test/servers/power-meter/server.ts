import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { answerRest } from './rest.ts';
import type { PowerMeterKnobs } from './state.ts';
import { PowerMeterState } from './state.ts';

/** Python's JSON has these three; ours does not. */
const ODD = new Map([
  ['"@NaN"', 'NaN'],
  ['"@Infinity"', 'Infinity'],
  ['"@-Infinity"', '-Infinity'],
]);

function pythonText(value: unknown): string {
  const text = JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'number' && !Number.isFinite(item) ? `@${item}` : item,
  );
  return text.replace(/"@(-?Infinity|NaN)"/g, (mark) => ODD.get(mark) ?? mark);
}

/** One socket of a client, as the server saw it. */
export interface SeenSocket {
  path: string;
  module: number;
  intervalS: number;
  /** Messages the client sent. */
  received: string[];
  /** Bytes of any kind that came after the upgrade (frames and their headers). */
  readonly bytes: number;
  readonly isOpen: boolean;
}

/**
 * The power meter server of seed 001 with its defects: `/ws/power` never reads (a client that sends anything is cut after 40 s), ten errors and then a
 * drop without a close frame, HTTP 403 without a word for bad parameters, a monotonic clock in the data and a naive local one in the heartbeats.
 */
export class PowerMeterServer implements AsyncDisposable {
  readonly state: PowerMeterState;
  /** Every request of REST, newest last. */
  readonly requests: string[] = [];
  /** Upgrades refused with 403. */
  readonly refused: string[] = [];
  readonly sockets: SeenSocket[] = [];
  /** Heartbeats sent, on all sockets. */
  heartbeats = 0;
  readonly #http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://host');
      this.requests.push(`${request.method} ${url.pathname}${url.search}`);
      const body = chunks.length > 0 ? (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>) : {};
      const method = request.method ?? 'GET';
      const { status, body: answer } = answerRest(this.state, {
        method,
        path: url.pathname,
        query: url.searchParams,
        body,
      });
      response.writeHead(status, { 'content-type': 'application/json' }).end(pythonText(answer));
    });
  });
  readonly #upgrader = new WebSocketServer({
    // As the real one: it knows no subprotocol and chooses none.
    handleProtocols: () => false,
    noServer: true,
    perMessageDeflate: { serverMaxWindowBits: 12, clientMaxWindowBits: 12, zlibDeflateOptions: { memLevel: 5 } },
  });
  readonly #open = new Map<WebSocket, AbortController>();
  #streams = 0;

  private constructor(knobs: Partial<PowerMeterKnobs>) {
    this.state = new PowerMeterState(knobs);
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  static async start(knobs: Partial<PowerMeterKnobs> = {}, port = 0): Promise<PowerMeterServer> {
    const server = new PowerMeterServer(knobs);
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

  /** Sockets of `/ws/power` that are open now. */
  get power(): SeenSocket[] {
    return this.sockets.filter(({ path, isOpen }) => isOpen && path.endsWith('/power'));
  }

  /** Tells every stream to come again and drops it, as on the tenth error. */
  announce(reason: string, retryAfterS: number): void {
    for (const socket of this.#open.keys()) {
      socket.send(pythonText({ type: 'reconnect', reason, retry_after: retryAfterS }), () => socket.terminate());
    }
  }

  /** Cuts every socket without a close frame. */
  cut(): void {
    for (const socket of this.#open.keys()) socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#http.closeAllConnections();
    if (!this.#http.listening) return;
    this.#http.close();
    await once(this.#http, 'close');
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? '/', 'http://host');
    const path = url.pathname.replace(/^\/api\/v1\/ws\/v2\//, '/ws/');
    if (path !== '/ws/power' && path !== '/ws/health') {
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const module = Number(url.searchParams.get('module') ?? 4);
    const intervalS = Number(url.searchParams.get('interval') ?? 0.1);
    const isRight = Number.isInteger(module) && module >= 1 && module <= 20 && intervalS >= 0.01 && intervalS <= 10;
    if (!isRight) {
      this.refused.push(url.search);
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    this.#upgrader.handleUpgrade(request, socket, head, (client) => {
      const before = request.socket.bytesRead;
      const seen: SeenSocket = {
        path: url.pathname,
        module,
        intervalS,
        received: [],
        get bytes() {
          return request.socket.bytesRead - before;
        },
        get isOpen() {
          return client.readyState === WebSocket.OPEN;
        },
      };
      this.sockets.push(seen);
      const stop = new AbortController();
      this.#open.set(client, stop);
      client.on('error', () => undefined);
      client.on('message', (data, isBinary) => {
        seen.received.push(isBinary ? `<binary ${(data as Buffer).length}>` : String(data));
      });
      client.on('close', () => {
        stop.abort();
        this.#open.delete(client);
      });
      if (path === '/ws/power') void this.#power(client, seen, stop.signal);
      else void this.#health(client, stop.signal);
    });
  }

  async #power(client: WebSocket, { module, intervalS, received }: SeenSocket, signal: AbortSignal): Promise<void> {
    this.#streams++;
    const { knobs } = this.state;
    const startMs = performance.now();
    // The handler never reads: with one message waiting, pongs are not seen any more and the keep-alive gives up.
    const kill = setInterval(() => {
      if (received.length > 0 && performance.now() - startMs >= knobs.killMs)
        client.close(1011, 'keepalive ping timeout');
    }, 10);
    signal.addEventListener('abort', () => {
      clearInterval(kill);
      this.#streams--;
    });
    let beatMs = startMs;
    let errors = 0;
    while (!signal.aborted) {
      if (this.state.isFrozen) {
        await pause(10, signal);
        continue;
      }
      if (performance.now() - beatMs >= knobs.heartbeatMs) {
        beatMs = performance.now();
        client.send(this.#heartbeat());
      }
      const snapshot = this.state.snapshot(module);
      if (snapshot) {
        errors = 0;
        client.send(pythonText({ type: 'data', ...snapshot }));
      } else if (this.#sayError(client, ++errors)) return;
      await pause(intervalS * 1000, signal);
    }
  }

  /** True: that was one too many, the socket is dropped. */
  #sayError(client: WebSocket, count: number): boolean {
    const message = 'Hardware temporarily unavailable';
    client.send(
      pythonText({ type: 'error', message, timestamp: this.state.naiveTime, recoverable: true, error_count: count }),
    );
    if (count < this.state.knobs.maxErrors) return false;
    const last = pythonText({ type: 'reconnect', reason: 'Too many consecutive errors', retry_after: 5 });
    client.send(last, () => client.terminate());
    return true;
  }

  async #health(client: WebSocket, signal: AbortSignal): Promise<void> {
    let wake = (): void => undefined;
    client.on('message', (data, isBinary) => {
      if (isBinary) return void client.close(1000);
      if (String(data) === 'ping') client.send(pythonText({ type: 'pong', timestamp: this.state.naiveTime }));
      wake();
    });
    while (!signal.aborted) {
      client.send(this.#heartbeat());
      await new Promise<void>((resolve) => {
        wake = resolve;
        void pause(this.state.knobs.healthMs, signal).then(resolve);
      });
    }
  }

  #heartbeat(): string {
    this.heartbeats++;
    return pythonText({ type: 'heartbeat', timestamp: this.state.naiveTime, active_streams: this.#streams });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    }
  });
}
