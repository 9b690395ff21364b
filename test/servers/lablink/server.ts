import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { LabLinkMode, LabLinkOptions } from './mode.ts';
import { isEnhanced } from './mode.ts';
import { isStrictJson, pythonJson } from './python-json.ts';
import { EQUIPMENT_ROUTES } from './rest-equipment.ts';
import type { RestAnswer } from './rest-route.ts';
import { CRASH, findRoute } from './rest-route.ts';
import { SERVER_ROUTES } from './rest-server.ts';
import { SHARED_ROUTES } from './rest-shared.ts';
import { LabLinkWorld } from './world.ts';

const ROUTES = [...SERVER_ROUTES, ...EQUIPMENT_ROUTES, ...SHARED_ROUTES];

/** A LabLink server as it was observed, its defects included; on 127.0.0.1. */
export interface LabLinkServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The state of the present run. */
  readonly world: LabLinkWorld;
  /** Ends every socket without a close frame and stops listening. */
  kill(): Promise<void>;
  /** Listens again on the same port with nothing remembered: tokens, locks and sessions are gone. */
  restart(mode?: LabLinkMode): Promise<void>;
  /** Cuts every WebSocket, with that close code or (0) without a close frame. */
  drop(code: number): void;
}

/** Starts it; port 0 unless one is asked for. */
export async function startLabLinkServer(options: LabLinkOptions = {}): Promise<LabLinkServer> {
  let world = new LabLinkWorld(options);
  let running = await listen(world, options.port ?? 0);
  const { port } = running;
  const kill = async () => {
    world.close();
    await running.end();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    get world() {
      return world;
    },
    kill,
    restart: async (mode = world.mode) => {
      world = new LabLinkWorld({ ...options, mode });
      running = await listen(world, port);
    },
    drop: (code) => {
      for (const socket of world.openSockets) {
        if (code === 0) socket.terminate();
        else socket.close(code);
      }
    },
    [Symbol.asyncDispose]: kill,
  };
}

async function listen(world: LabLinkWorld, port: number): Promise<{ port: number; end(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const doomed = new WeakSet<Socket>();
  const server: Server = createServer((request, response) => {
    // uvicorn ended this connection after a crash without a word: what comes next on it is reset.
    if (doomed.has(request.socket)) return void request.socket.destroy();
    void serve(world, request, response, doomed);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const webSockets = new WebSocketServer({
    // As the real one: it knows no subprotocol and chooses none.
    handleProtocols: () => false,
    noServer: true,
    perMessageDeflate: world.options.plain ? false : { serverMaxWindowBits: 12, clientMaxWindowBits: 12, threshold: 0 },
  });
  server.on('upgrade', (request, socket, head) => {
    const url = new URL(request.url ?? '/', 'http://host');
    const isRight = url.pathname === '/ws';
    if (!isRight || (world.options.security && !world.security.isGood(url.searchParams.get('token')))) {
      socket.end(`HTTP/1.1 ${isRight ? 403 : 404} ${isRight ? 'Forbidden' : 'Not Found'}\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      world.openSockets.add(webSocket);
      webSocket.on('close', () => world.openSockets.delete(webSocket));
      webSocket.on('error', () => undefined);
      if (isEnhanced(world.mode) && !world.options.isApart) world.enhanced.accept(webSocket);
      else world.basic.accept(webSocket);
    });
  });
  await listenOn(server, port);
  const own = (server.address() as AddressInfo).port;
  const apart = isEnhanced(world.mode) && world.options.isApart ? await listenApart(world, own + 1) : undefined;
  if (apart === null) {
    // Somebody has the next port: another pair.
    await new Promise((resolve) => server.close(resolve));
    return listen(world, port);
  }
  return {
    port: own,
    end: () =>
      new Promise((resolve) => {
        apart?.close();
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listenOn(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}

/** The enhanced socket by itself; null: the port is taken. */
async function listenApart(world: LabLinkWorld, port: number): Promise<WebSocketServer | null> {
  const server = createServer((_request, response) => void response.writeHead(404).end());
  try {
    await listenOn(server, port);
  } catch {
    return null;
  }
  const webSockets = new WebSocketServer({ server, path: '/ws' });
  webSockets.on('connection', (socket) => world.enhanced.accept(socket));
  webSockets.on('close', () => server.close());
  return webSockets;
}

async function serve(
  world: LabLinkWorld,
  request: IncomingMessage,
  response: ServerResponse,
  doomed: WeakSet<Socket>,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const method = request.method ?? 'GET';
  const url = new URL(request.url ?? '/', 'http://host');
  const fault = world.fault?.(method, url.pathname);
  if (fault === 'hang') return;
  if (fault === 'reset') return void request.socket.destroy();
  let body: Record<string, unknown> = {};
  let answer: RestAnswer = { status: 404, json: { detail: 'Not Found' } };
  try {
    if (chunks.length > 0) body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
    const found = findRoute(ROUTES, method, url.pathname);
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (typeof fault === 'number') answer = { status: fault, json: { detail: 'fault of the test' } };
    else if (found)
      answer = await found.route.run({ world, parts: found.parts, body, query: url.searchParams, bearer });
  } catch {
    answer = CRASH;
  }
  if (!isStrictJson(answer.json)) answer = CRASH;
  world.requests.push({ method, path: url.pathname, status: answer.status, body });
  const isText = typeof answer.json === 'string';
  response.writeHead(answer.status, {
    'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json',
    server: 'uvicorn',
    date: world.time.httpDate(),
    ...answer.headers,
  });
  if (answer === CRASH) doomed.add(request.socket);
  response.end(isText ? answer.json : pythonJson(answer.json));
}
