import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FaultProxy, openFaultProxy } from './fault-proxy.ts';

let server: net.Server;
let accepted: net.Socket[];
let proxy: FaultProxy;

beforeEach(async () => {
  accepted = [];
  server = net.createServer((socket) => {
    accepted.push(socket);
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await openFaultProxy((server.address() as net.AddressInfo).port);
});

afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  for (const socket of accepted) socket.destroy();
  server.close();
});

interface Client {
  socket: net.Socket;
  chunks: Buffer[];
  text(): string;
  until(length: number): Promise<void>;
}

/** `once` would throw for the reset. */
function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => socket.on('close', () => resolve()));
}

async function connect(): Promise<Client> {
  const socket = net.connect(proxy.port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  const chunks: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => chunks.push(bytes));
  const text = (): string => Buffer.concat(chunks).toString();
  return {
    socket,
    chunks,
    text,
    async until(length) {
      while (text().length < length) await once(socket, 'data');
    },
  };
}

test('passes bytes both ways and their end', async () => {
  const { socket, text } = await connect();
  const end = once(socket, 'close');
  socket.end('all of it');
  await end;
  expect(text()).toBe('all of it');
  expect(proxy.sent).toEqual({ up: 9, down: 9 });
});

test('a cut resets both sides', async () => {
  const { socket, until } = await connect();
  socket.write('x');
  await until(1);
  const gone = Promise.all([closed(socket), closed(accepted[0]!)]);
  proxy.cut();
  await gone;
  expect(proxy.connections).toBe(0);
});

test('half-open: the old connection takes bytes and gives none, a new one works', async () => {
  const old = await connect();
  old.socket.write('x');
  await old.until(1);
  proxy.halfOpen();
  old.socket.write('lost');
  const fresh = await connect();
  fresh.socket.write('new');
  await fresh.until(3);
  expect(old.text()).toBe('x');
  expect(old.socket.destroyed).toBe(false);
  expect(proxy.connections).toBe(2);
});

test('one byte a segment', async () => {
  proxy.set({ segmentBytes: 1 });
  const { socket, until, chunks } = await connect();
  socket.write('one by one');
  await until(10);
  expect(chunks.length).toBeGreaterThan(3);
});

test('a stall holds everything back and then lets it go in order', async () => {
  const { socket, until, text } = await connect();
  proxy.set({ isStalled: true });
  socket.write('abc');
  socket.write('def');
  await sleep(30);
  expect(text()).toBe('');
  proxy.set({ isStalled: false });
  await until(6);
  expect(text()).toBe('abcdef');
});

test('a stalled connection pushes back: no more than the buffers hold is taken', async () => {
  const { socket } = await connect();
  proxy.set({ isStalled: true });
  const block = Buffer.alloc(1 << 20);
  let blocks = 0;
  while (socket.writableLength < 8 << 20 && blocks < 64) {
    socket.write(block);
    blocks++;
    await sleep(1);
  }
  expect(socket.writableLength).toBeGreaterThanOrEqual(8 << 20);
});

test('throttle and delay take the time they say', async () => {
  proxy.set({ bytesPerS: 20_000, delayMs: 20 });
  const { socket, until } = await connect();
  const start = performance.now();
  socket.write(Buffer.alloc(2000, 'x'));
  await until(2000);
  // 2,000 bytes at 20,000 a second, with the 20 ms credit of an idle line, twice delayed: never sooner, however slow the machine.
  expect(performance.now() - start).toBeGreaterThan(80);
});

test('refuses when told, and reaches another server after retarget', async () => {
  proxy.set({ isRefusing: true });
  const refused = net.connect(proxy.port, '127.0.0.1');
  refused.on('error', () => {});
  await closed(refused);
  proxy.set({ isRefusing: false });
  const other = net.createServer((socket) => socket.on('error', () => {}).end('other'));
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  proxy.retarget((other.address() as net.AddressInfo).port);
  const { until } = await connect();
  await until(5);
  other.close();
});
