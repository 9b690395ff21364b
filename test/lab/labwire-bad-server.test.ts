import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { openScopes } from '../../src/core/scope.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { LabServerEvent } from '../../src/lab/lab-server.ts';
import { LABWIRE_DIALECT } from '../../src/lab/labwire/dialect.ts';
import { type LabwireServer, openLabwire } from '../../src/lab/labwire/labwire-server.ts';
import { createServerProbe } from '../../src/lab/server-probe.ts';
import { encodeFrame, FRAME_TYPE } from '../../src/protocol/lab/labwire-frame.ts';
import { openLabwireServer } from '../servers/labwire/labwire-server.ts';
import { RowLog } from './row-log.ts';

/** A server that greets as it should and then says whatever a test likes. */
let http: Server;
let sockets: WebSocketServer;
let greeted: WebSocket[];
let client: LabwireServer;
let events: LabServerEvent[];
const ports = createNodePorts(createSystemClock());

const CAPABILITIES = {
  type: 'capabilities',
  protocol: { name: 'labwire', versions: [1] },
  server: { instance: 'bad' },
};
const STARTED = {
  type: 'stream_started',
  equipment_id: 'psu',
  stream_type: 'readings',
  key: 'psu/readings',
  handle: 1,
  epoch: 5,
  schema: { channels: ['a'], dtype: 'f64', dt: 0.1 },
};

beforeEach(async () => {
  greeted = [];
  events = [];
  http = createServer((_, response) => response.writeHead(404).end());
  sockets = new WebSocketServer({
    server: http,
    perMessageDeflate: { threshold: 1024 },
    handleProtocols: () => 'labwire.1',
  });
  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.send(JSON.stringify(CAPABILITIES));
    socket.once('message', () => {
      socket.send(JSON.stringify({ type: 'connected', session: 's' }));
      socket.send(JSON.stringify(STARTED));
      greeted.push(socket);
      sockets.emit('greeted');
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  client = openLabwire(ports, { url: `127.0.0.1:${(http.address() as AddressInfo).port}` });
  client.onEvent((event) => events.push(event));
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  for (const socket of sockets.clients) socket.terminate();
  sockets.close();
  http.close();
  expect(openScopes()).toEqual([]);
});

async function greetedSocket(): Promise<WebSocket> {
  if (greeted.length === 0) await once(sockets, 'greeted');
  return greeted.at(-1)!;
}

async function closeCode(socket: WebSocket): Promise<number> {
  return new Promise((resolve) => socket.once('close', resolve));
}

test('114 a deflate bomb: closed with 1009, one line, and the client goes on', async () => {
  const socket = await greetedSocket();
  const code = closeCode(socket);
  socket.send('x'.repeat(64 << 20), { compress: true });
  expect(await code).toBe(1009);
  // The server may hear of the end before the client has told its link.
  await expect.poll(() => client.link.reason, { interval: 5 }).toContain('Max payload size exceeded');
  await once(sockets, 'greeted');
});

test('a text of more than 16 MiB: closed with 1009', async () => {
  const socket = await greetedSocket();
  const code = closeCode(socket);
  socket.send('x'.repeat((16 << 20) + 1), { compress: false }, () => {});
  expect(await code).toBe(1009);
});

test('text that is no UTF-8: closed with 1007', async () => {
  const socket = await greetedSocket();
  const code = closeCode(socket);
  socket.send(Buffer.from([0x22, 0xff, 0xfe, 0x22]), { binary: false });
  expect(await code).toBe(1007);
  // The server may hear of the end before the client has told its link.
  await expect.poll(() => client.link.reason, { interval: 5 }).toContain('UTF-8');
});

test('wrong types, foreign frames and bombs inside frames: counted, one line, the connection stands', async () => {
  const log = new RowLog();
  const stream = client.openStream('psu', 'readings', 100, log);
  const socket = await greetedSocket();
  const base = {
    type: FRAME_TYPE.samples,
    flags: 0,
    codec: 'raw' as const,
    dtype: 'f64' as const,
    handle: 1,
    channels: 1,
    seq: 0,
    t0Ns: 1n,
    dtS: 0.1,
    rows: 1,
    skipped: undefined,
    payload: new Uint8Array(8),
  };
  const bomb = deflateRawSync(Buffer.alloc(32 << 20));
  const bad: (string | Uint8Array)[] = [
    'no json',
    '[]',
    '{"type":7}',
    `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
    '{"type":"gap","key":"psu/readings","epoch":"x"}',
    '{"type":"stream_data","key":"psu/readings","ep":5,"seq":0,"t":1,"data":[1,2,3]}',
    new Uint8Array(0),
    Buffer.from('VITAL'),
    encodeFrame({ ...base, channels: 3 }),
    encodeFrame({ ...base, codec: 'deflate', payload: bomb }),
    encodeFrame({ ...base, rows: 0xffff_ffff }),
  ];
  for (const data of bad) socket.send(data);
  socket.send(JSON.stringify({ type: 'of a later version', anything: true }));
  socket.send(encodeFrame({ ...base, seq: 3 }));
  while (log.count === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(client.traffic.malformed).toBe(bad.length);
  const notes = events.filter((event) => event.kind === 'note' && event.topic === 'malformed');
  expect(notes).toHaveLength(1);
  expect(client.link.word).toBe('connected');
  await stream[Symbol.asyncDispose]();
});

test('114 fuzz over a real socket: nothing throws, nothing hangs', async () => {
  const socket = await greetedSocket();
  const stream = client.openStream('psu', 'readings', 100, new RowLog());
  const random = seededRandom(7);
  const seed = encodeFrame({
    type: FRAME_TYPE.samples,
    flags: 0,
    codec: 'raw',
    dtype: 'f64',
    handle: 1,
    channels: 1,
    seq: 9,
    t0Ns: 1n,
    dtS: 0.1,
    rows: 2,
    skipped: undefined,
    payload: new Uint8Array(16),
  });
  const text = JSON.stringify(STARTED);
  for (let round = 0; round < 3000; round++) {
    const bytes = Uint8Array.from(seed);
    bytes[random.below(bytes.length)] = random.below(256);
    socket.send(bytes);
    const at = random.below(text.length);
    socket.send(`${text.slice(0, at)}${String.fromCharCode(32 + random.below(90))}${text.slice(at + 1)}`);
  }
  const answered = new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      if (data.toString().includes('"pong"')) resolve();
    });
  });
  socket.send(JSON.stringify({ type: 'ping', id: 'still there?' }));
  await answered;
  expect(client.traffic.malformed).toBeGreaterThan(100);
  await stream[Symbol.asyncDispose]();
});

test('a server of a version this client does not speak: no tries, and why', async () => {
  await client[Symbol.asyncDispose]();
  for (const socket of sockets.clients) socket.terminate();
  sockets.removeAllListeners('connection');
  sockets.on('connection', (socket) => {
    socket.send(JSON.stringify({ ...CAPABILITIES, protocol: { name: 'labwire', versions: [7] } }));
  });
  const { port } = http.address() as AddressInfo;
  client = openLabwire(ports, { url: `127.0.0.1:${port}` });
  while (client.link.word !== 'failed') await new Promise((resolve) => setTimeout(resolve, 5));
  expect(client.link.error).toMatchObject({
    code: 'server.unsupported',
    message: expect.stringContaining('versions 7'),
  });
});

test('recognised by the subprotocol it chooses, on any of the known paths; others are not', async () => {
  const signal = new AbortController().signal;
  const ask = (url: string) => LABWIRE_DIALECT.recognizes(createServerProbe(ports, url, undefined, signal), { url });
  const { port } = http.address() as AddressInfo;
  expect(await ask(`http://127.0.0.1:${port}`)).toBe('labwire.1');
  await using real = await openLabwireServer({ streams: [] });
  expect(await ask(real.url)).toBe('labwire.1');
  real.world.knobs.refuseUpgrade = { status: 403 };
  expect(await ask(real.url)).toBeUndefined();
});

test('an address that is none is refused with words, and no secret of it', () => {
  expect(() => openLabwire(ports, { url: 'ftp://user:hidden@host' })).toThrow(
    expect.objectContaining({ code: 'call.invalid', message: expect.not.stringContaining('hidden') }),
  );
});
