import { once } from 'node:events';
import { access } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import type { Link } from '../../contract/link.ts';
import { createSocketLink, SOCKET_PROTOCOL } from '../../contract/socket-link.ts';
import { LabError } from '../../core/errors.ts';
import type { Refusal } from './request-fence.ts';
import { fenceHeaders, pathOf, refusePage, refuseSocket } from './request-fence.ts';
import type { ServedFile } from './served-file.ts';
import { openServedFile } from './served-file.ts';
import { createToken, isToken } from './token.ts';

export interface ListenerOptions {
  /** 0 (default): a free one. */
  port?: number | undefined;
  /** Default: a new one. An engine that was started again takes the one its pages have. */
  token?: string | undefined;
  /** The built page (`out/renderer`). */
  pageFolder: string;
  /** Where exports without a path of their own are made. */
  exportsFolder: string;
  /** Each screen that came with the token; the receiver ends the link. */
  onScreen: (link: Link) => void;
  /** More screens are refused with 503. Default 32. */
  maxScreens?: number | undefined;
  /** Longest message of a screen, bytes; a longer one closes its link (RFC 6455 7.4.1: 1009). Default 8 MiB. */
  maxMessageBytes?: number | undefined;
  /** A screen that has this much on its way does not read: its link is closed. Default 64 MiB. */
  maxPendingBytes?: number | undefined;
  /** A screen must say something within that. Default 10 s. */
  helloTimeoutMs?: number | undefined;
  /** A screen's system must answer a ping within that, else its link is closed. Default 20 s. */
  pingMs?: number | undefined;
}

/** The engine's door on 127.0.0.1. Disposing closes every link that came through it. */
export interface Listener extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  readonly token: string;
  /** What a person opens: the address with the token in its fragment, which no request carries. */
  readonly pageUrl: string;
}

/** Loopback only: beyond it only through a tunnel or a proxy with TLS on this machine. */
const HOST = '127.0.0.1';

/**
 * Serves the page, exported files and the contract over WebSocket on loopback. Throws engine.port-in-use, engine.not-built.
 */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  try {
    await access(join(options.pageFolder, 'index.html'));
  } catch (cause) {
    const text = `The page is missing in ${options.pageFolder}. Build it (npm run build), then start again.`;
    throw new LabError('engine.not-built', text, {}, { cause });
  }
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000 });
  server.maxConnections = 256;
  await listen(server, options.port ?? 0);
  return new LoopbackListener(server, options);
}

async function listen(server: Server, port: number): Promise<void> {
  try {
    server.listen({ port, host: HOST, exclusive: true });
    await once(server, 'listening');
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const what = reason === 'EACCES' ? 'may not be opened by this user' : `is taken by another program`;
    throw new LabError(
      'engine.port-in-use',
      `Port ${port} ${what} (${reason}), so nothing is served. Choose another with --port, or leave it out for a free one.`,
      { port, reason },
      { cause },
    );
  }
}

class LoopbackListener implements Listener {
  readonly url: string;
  readonly token: string;
  readonly #server: Server;
  readonly #options: ListenerOptions;
  readonly #authority: string;
  readonly #sockets: WebSocketServer;
  readonly #links = new Set<Link>();
  #disposed: Promise<void> | undefined;

  constructor(server: Server, options: ListenerOptions) {
    this.#server = server;
    this.#options = options;
    this.token = options.token ?? createToken();
    this.#authority = `${HOST}:${(server.address() as AddressInfo).port}`;
    this.url = `http://${this.#authority}/`;
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: true,
      // Samples do not shrink and a deflater per screen costs memory and time.
      perMessageDeflate: false,
      maxPayload: options.maxMessageBytes ?? 8 * 1024 * 1024,
      handleProtocols: () => SOCKET_PROTOCOL,
    });
    server.on('request', (request, response) => void this.#answer(request, response));
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    server.on('clientError', (_error, socket) => refuseOn(socket, { status: 400, text: 'No HTTP.' }, this.#authority));
  }

  get pageUrl(): string {
    return `${this.url}#token=${this.token}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#close();
    return this.#disposed;
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const link of this.#links) link.end('The engine is closing.');
    this.#server.closeIdleConnections();
    // The screens have a moment to answer the close frame; then they are cut.
    const cut = setTimeout(() => {
      for (const socket of this.#sockets.clients) socket.terminate();
      this.#server.closeAllConnections();
    }, 500);
    await closed;
    clearTimeout(cut);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    try {
      const refusal = refusePage(request, this.#authority) ?? this.#refuseExport(request);
      const file = refusal ?? (await this.#find(pathOf(request)));
      if (!('handle' in file)) return this.#refuse(response, request, file);
      await using handle = file.handle;
      response.writeHead(200, { ...fenceHeaders(this.#authority), ...fileHeaders(request, file) });
      if (request.method === 'HEAD' || file.sizeBytes === 0) response.end();
      // Bounded by the size said: a file that grows meanwhile must not overrun its Content-Length.
      else await pipeline(handle.createReadStream({ end: file.sizeBytes - 1, autoClose: false }), response);
    } catch {
      // The browser went away, or the file did: the connection says the rest.
      response.destroy();
    }
  }

  /** Exports hold measurements: unlike the page they need the token, as `?token=…`, because a download link has no headers. */
  #refuseExport(request: IncomingMessage): Refusal | undefined {
    if (!isExport(pathOf(request))) return undefined;
    const offered = new URL(request.url ?? '/', this.url).searchParams.get('token') ?? '';
    return isToken(this.token, offered) ? undefined : { status: 401, text: 'Exports need the token of this engine.' };
  }

  async #find(path: string): Promise<ServedFile | Refusal> {
    const exported = isExport(path);
    const name = exported ? path.slice('/exports'.length) : path === '/' ? '/index.html' : path;
    const folder = exported ? this.#options.exportsFolder : this.#options.pageFolder;
    return (await openServedFile(folder, name)) ?? { status: 404, text: 'There is nothing here.' };
  }

  #refuse(response: ServerResponse, request: IncomingMessage, { status, text, headers }: Refusal): void {
    response.writeHead(status, {
      ...fenceHeaders(this.#authority),
      ...headers,
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refusal = refuseSocket(request, this.#authority) ?? this.#refuseScreen(request);
    if (refusal) refuseOn(socket, refusal, this.#authority);
    else this.#sockets.handleUpgrade(request, socket, head, (screen) => this.#admit(screen));
  }

  #refuseScreen(request: IncomingMessage): Refusal | undefined {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((text) => text.trim());
    const [protocol, token] = offered;
    if (offered.length !== 2 || protocol !== SOCKET_PROTOCOL || !isToken(this.token, token ?? '')) {
      return { status: 401, text: 'The token is not the one of this engine. Open the address it printed.' };
    }
    const limit = this.#options.maxScreens ?? 32;
    if (this.#links.size < limit && !this.#disposed) return undefined;
    return { status: 503, text: `This engine serves ${limit} screens; close one first.` };
  }

  #admit(socket: WebSocket): void {
    const link = createSocketLink(socket, { maxPendingBytes: this.#options.maxPendingBytes });
    this.#links.add(link);
    const helloMs = this.#options.helloTimeoutMs ?? 10_000;
    const hello = setTimeout(() => link.end(`The screen said nothing for ${helloMs / 1000} s.`), helloMs);
    socket.once('message', () => clearTimeout(hello));
    const watchdog = watchPings(socket, this.#options.pingMs ?? 20_000);
    void link.closed.then(() => {
      clearTimeout(hello);
      clearInterval(watchdog);
      this.#links.delete(link);
    });
    try {
      this.#options.onScreen(link);
    } catch (error) {
      // The engine takes no more screens.
      link.end(LabError.from(error).message);
    }
  }
}

/** Cuts a socket whose other side answers no ping: a pulled cable or a stopped machine sends no end of its own. */
function watchPings(socket: WebSocket, pingMs: number): NodeJS.Timeout {
  let isAnswered = true;
  socket.on('pong', () => {
    isAnswered = true;
  });
  return setInterval(() => {
    if (!isAnswered) {
      socket.terminate();
      return;
    }
    isAnswered = false;
    socket.ping();
  }, pingMs);
}

function isExport(path: string): boolean {
  return path === '/exports' || path.startsWith('/exports/');
}

function fileHeaders(request: IncomingMessage, file: ServedFile): Record<string, string | number> {
  const headers = { 'Content-Type': file.type, 'Content-Length': file.sizeBytes };
  const path = pathOf(request);
  if (!isExport(path)) return headers;
  // RFC 6266 4.3: the name is encoded already, as it came.
  return {
    ...headers,
    'Content-Disposition': `attachment; filename*=UTF-8''${basename(path).replace(/['()*]/g, percentEncode)}`,
  };
}

function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** An answer on a bare socket: an upgrade that is refused, a request that is none. */
function refuseOn(socket: Duplex, { status, text }: Refusal, authority: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const headers = Object.entries(fenceHeaders(authority)).map(([name, value]) => `${name}: ${String(value)}`);
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Connection: close',
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(text)}`,
      ...headers,
      '',
      text,
    ].join('\r\n'),
  );
}
