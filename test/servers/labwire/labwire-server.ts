import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { Clock } from '../../../src/core/clock.ts';
import { createSystemClock } from '../../../src/engine/system-clock.ts';
import { Connection } from './connection.ts';
import type { StreamPlan } from './produced-stream.ts';
import { answerRest } from './rest.ts';
import { type LabwireRules, LabwireWorld } from './world.ts';

export interface LabwireServerOptions {
  streams: readonly StreamPlan[];
  clock?: Clock;
  port?: number;
  rules?: Partial<LabwireRules>;
  /** Of those who bring no token, while no user is known. */
  anonymousRole?: string;
}

const RULES: LabwireRules = {
  helloMs: 10_000,
  heartbeatMs: 10_000,
  tokenMs: 600_000,
  pumpMs: 5,
  ttlS: 300,
  replayRows: 10_000,
  replayS: 300,
  windowBytes: { min: 8192, max: 4 << 20 },
  maxFrameRows: 256,
};

export interface LabwireTestServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly world: LabwireWorld;
  /** Everything ends as when the process is killed; `begin` makes it listen again, as a new instance. */
  kill(): Promise<void>;
  begin(): Promise<void>;
}

/** A small server of labwire.1: docs/lab-labwire.md. Real sockets, rows that are a function of their number, faults on request. */
export async function openLabwireServer(options: LabwireServerOptions): Promise<LabwireTestServer> {
  const clock = options.clock ?? createSystemClock();
  const world = new LabwireWorld(
    clock,
    options.streams,
    { ...RULES, ...options.rules },
    options.anonymousRole ?? 'admin',
  );
  let running = await listen(world, options.port ?? 0);
  return {
    get port() {
      return running.port;
    },
    get url() {
      return `http://127.0.0.1:${running.port}`;
    },
    world,
    kill: () => running.kill(),
    async begin() {
      world.renew();
      running = await listen(world, running.port);
    },
    async [Symbol.asyncDispose]() {
      await running.kill();
    },
  };
}

async function listen(world: LabwireWorld, wanted: number): Promise<{ port: number; kill(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = http.createServer((request, response) => void answerRest(world, request, response));
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: {
      serverMaxWindowBits: 12,
      clientMaxWindowBits: 12,
      zlibDeflateOptions: { memLevel: 5, level: 1 },
      threshold: 1024,
    },
    handleProtocols: (protocols) => (protocols.has('labwire.1') ? 'labwire.1' : false),
  });
  server.on('upgrade', (request, socket, head) => {
    const { refuseUpgrade } = world.knobs;
    const isOurs = new URL(request.url ?? '/', 'http://localhost').pathname === '/ws';
    if (refuseUpgrade || !isOurs) {
      const { status, headers = {} } = refuseUpgrade ?? { status: 404 };
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.end(`HTTP/1.1 ${status} No\r\n${lines.join('')}content-length: 0\r\nconnection: close\r\n\r\n`);
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) =>
      world.connections.add(new Connection(world, webSocket)),
    );
  });
  server.listen(wanted, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  let dead: Promise<void> | undefined;
  return {
    port,
    kill() {
      dead ??= (async () => {
        const closed = once(server, 'close');
        server.close();
        for (const connection of [...world.connections]) connection.cut();
        for (const socket of sockets) socket.resetAndDestroy();
        webSockets.close();
        await closed;
      })();
      return dead;
    },
  };
}
