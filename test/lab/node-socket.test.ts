import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { LabError } from '../../src/core/errors.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { LabSocket, SocketData, SocketEvents, SocketRequest } from '../../src/lab/ports.ts';

const ports = createNodePorts(createSystemClock());
let http: Server;
let sockets: WebSocketServer;
let url: string;

beforeEach(async () => {
  http = createServer();
  sockets = new WebSocketServer({ server: http, perMessageDeflate: { threshold: 0 } });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`;
});

afterEach(async () => {
  for (const client of sockets.clients) client.terminate();
  sockets.close();
  http.closeAllConnections();
  http.close();
  await once(http, 'close');
});

interface Played {
  socket: LabSocket;
  messages: SocketData[];
  wireBytes: number;
  opened: Promise<Parameters<SocketEvents['onOpen']>[0]>;
  ended: Promise<Parameters<SocketEvents['onEnd']>[0]>;
}

function open(request: Partial<SocketRequest> = {}): Played {
  const whole = { url, protocols: [], deflate: false, maxMessageBytes: 1_000_000, ...request };
  const played: Partial<Played> & { messages: SocketData[]; wireBytes: number } = { messages: [], wireBytes: 0 };
  let ends = 0;
  played.opened = new Promise((opened) => {
    played.ended = new Promise((ended) => {
      played.socket = ports.openSocket(whole, {
        onOpen: opened,
        onMessage: (data, wireBytes) => {
          if (ends > 0) throw new Error('a message after the end');
          played.messages.push(typeof data === 'string' ? data : data.slice());
          played.wireBytes += wireBytes;
        },
        onEnd: (end) => {
          if (++ends > 1) throw new Error('two ends');
          ended(end);
        },
      });
    });
  });
  return played as Played;
}

test('subprotocol, headers, text and bytes both ways, close frame with its reason', async () => {
  sockets.options.handleProtocols = () => 'labwire.1';
  sockets.on('connection', (client, request) => {
    client.on('message', (data, isBinary) => client.send(data, { binary: isBinary }));
    client.send(String(request.headers.authorization));
  });
  const { socket, opened, ended, messages } = open({
    protocols: ['labwire.1'],
    headers: { authorization: 'Bearer t' },
  });
  expect(await opened).toMatchObject({ protocol: 'labwire.1', isDeflated: false });
  socket.send('text');
  socket.send(Uint8Array.of(1, 2, 3));
  await expect.poll(() => messages.length).toBe(3);
  expect(messages.slice(0, 2)).toEqual(['Bearer t', 'text']);
  expect([...(messages[2] as Uint8Array)]).toEqual([1, 2, 3]);
  for (const client of sockets.clients) client.close(4409, 'superseded');
  expect(await ended).toMatchObject({ code: 4409, reason: 'superseded' });
  socket.send('late');
  socket.close(1000, '');
});

test('permessage-deflate with 12 bits is offered; bytes on the wire are fewer than those of the message', async () => {
  let offer = '';
  sockets.on('connection', (client, request) => {
    offer = String(request.headers['sec-websocket-extensions']);
    client.send('a'.repeat(100_000));
  });
  const played = open({ deflate: true });
  expect(await played.opened).toMatchObject({ isDeflated: true });
  expect(offer).toContain('server_max_window_bits=12');
  expect(offer).toContain('client_max_window_bits=12');
  await expect.poll(() => played.messages.length).toBe(1);
  expect(played.wireBytes).toBeGreaterThan(50);
  expect(played.wireBytes).toBeLessThan(2_000);
  played.socket.cut();
  await played.ended;
});

describe('ends', () => {
  test('a refusal gives status, headers and the beginning of its body', async () => {
    http.removeAllListeners('upgrade');
    http.on('upgrade', (_, socket: Socket) =>
      socket.end(`HTTP/1.1 403 Forbidden\r\nX-Why: token\r\nContent-Length: 9000\r\n\r\n${'x'.repeat(9000)}`),
    );
    const { refusal, code } = await open().ended;
    expect(code).toBe(1006);
    expect(refusal).toMatchObject({ status: 403, headers: { 'x-why': 'token' } });
    expect(refusal?.body).toHaveLength(4096);
  });

  test('nothing there, a URL that is none, a drop without a close frame', async () => {
    expect(await open({ url: 'ws://127.0.0.1:1/' }).ended).toMatchObject({
      code: 1006,
      error: 'nothing listens there',
    });
    expect((await open({ url: 'nonsense' }).ended).error).toMatch(/url/i);
    sockets.on('connection', (client) => client.terminate());
    expect(await open().ended).toMatchObject({ code: 1006 });
  });

  test('too long a message, a text that is no UTF-8, and a deflate bomb end with their codes', async () => {
    const codes = async (send: (socket: Socket) => void): Promise<number> => {
      const heard = new Promise<number>((resolve) =>
        sockets.once('connection', (client) => client.once('close', resolve)),
      );
      http.once('upgrade', (_, socket: Socket) => setImmediate(() => send(socket)));
      const { ended } = open({ maxMessageBytes: 1_000 });
      await ended;
      return heard;
    };
    const frame = (opcode: number, payload: Buffer): Buffer =>
      Buffer.concat([Buffer.of(0x80 | opcode, 126, payload.length >> 8, payload.length & 255), payload]);
    expect(await codes((socket) => socket.write(frame(1, Buffer.alloc(1_001, 0x20))))).toBe(1009);
    expect(await codes((socket) => socket.write(frame(1, Buffer.of(0xc3, 0x28))))).toBe(1007);
    sockets.once('connection', (client) => client.send('a'.repeat(1_000_000)));
    const bomb = open({ deflate: true, maxMessageBytes: 10_000 });
    expect((await bomb.ended).error).toMatch(/max payload/i);
    expect(bomb.messages).toHaveLength(0);
  });

  test('a close that is never answered ends by force', async () => {
    http.removeAllListeners('upgrade');
    http.on('upgrade', (request, socket: Socket, head) => {
      sockets.handleUpgrade(request, socket, head, () => {});
      // From now on the server reads nothing.
      setImmediate(() => socket.pause());
    });
    const { socket, opened, ended } = open();
    await opened;
    socket.close(1000, 'bye');
    expect(await ended).toMatchObject({ code: 1006 });
  });

  test('left while it connects, and cut twice', async () => {
    http.removeAllListeners('upgrade');
    http.on('upgrade', () => {});
    const one = open();
    one.socket.close(1000, '');
    await one.ended;
    const other = open();
    other.socket.cut();
    other.socket.cut();
    await other.ended;
  });
});

test('an RFC 6455 ping is answered', async () => {
  const { socket, opened, ended } = open();
  await opened;
  await new Promise<void>((resolve) => socket.ping?.(resolve));
  socket.close(1000, '');
  expect(await ended).toMatchObject({ code: 1000 });
});

test('who listens is asked by a bare connection; cancelled it says no', async () => {
  let connections = 0;
  http.on('connection', () => connections++);
  const { port } = http.address() as AddressInfo;
  const signal = new AbortController().signal;
  expect(await ports.isListening?.('127.0.0.1', port, signal)).toBe(true);
  expect(await ports.isListening?.('127.0.0.1', 1, signal)).toBe(false);
  expect(await ports.isListening?.('127.0.0.1', port, AbortSignal.abort())).toBe(false);
  expect(connections).toBe(1);
});

test('inflating ends at the limit', () => {
  const { gunzip, unzlib, inflate } = ports.inflate;
  const bomb = gzipSync(Buffer.alloc(10_000_000));
  expect(gunzip(gzipSync('hello'), 100)).toEqual(Buffer.from('hello'));
  for (const [call, code] of [
    [() => gunzip(bomb, 1_000_000), 'protocol.too-long'],
    [() => gunzip(Uint8Array.of(1, 2, 3), 100), 'protocol.malformed'],
    [() => unzlib(Uint8Array.of(1, 2, 3), 100), 'protocol.malformed'],
    [() => inflate(Uint8Array.of(255, 255), 100), 'protocol.malformed'],
    [() => gunzip(bomb.subarray(0, 100), 10_000_000), 'protocol.malformed'],
  ] as const) {
    let thrown: unknown;
    try {
      call();
    } catch (error) {
      thrown = error;
    }
    expect(LabError.from(thrown).code).toBe(code);
  }
});
