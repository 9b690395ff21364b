import { EventEmitter, once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTcp, createServer } from 'node:net';
import { MessageChannel, Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createMemoryLinks } from '../../src/contract/memory-link.ts';
import type { PortLike } from '../../src/contract/port-link.ts';
import { createPortLink } from '../../src/contract/port-link.ts';
import { createSocketLink, openSocketLink } from '../../src/contract/socket-link.ts';
import type { LinkPair } from './link-suite.ts';
import { linkSuite } from './link-suite.ts';

linkSuite('memory', async () => {
  const [near, far] = createMemoryLinks();
  return { near, far, dispose: async () => near[Symbol.dispose]() };
});

linkSuite('memory, one message per turn of the event loop', async () => {
  const [near, far] = createMemoryLinks(setImmediate);
  return { near, far, dispose: async () => near[Symbol.dispose]() };
});

function portPair(wrap: (port: import('node:worker_threads').MessagePort) => PortLike, transfer: boolean): LinkPair {
  const { port1, port2 } = new MessageChannel();
  const near = createPortLink(wrap(port1), { transfer });
  const far = createPortLink(wrap(port2), { transfer });
  return {
    near,
    far,
    kill: () => port2.close(),
    garbage: () => port2.postMessage({ some: 'object' }),
    dispose: async () => {
      near[Symbol.dispose]();
      far[Symbol.dispose]();
    },
  };
}

linkSuite('MessagePort', async () => portPair((port) => port, false));
linkSuite('MessagePort, frames moved', async () => portPair((port) => port, true));

/**
 * The shape of Electron's MessagePortMain on a real channel: an emitter whose events carry `data`, which delivers nothing before `start`
 * and refuses to transfer an ArrayBuffer. Electron itself cannot run here; its own quirks beyond these are shown by the packaged app.
 */
class MainPort extends EventEmitter {
  readonly #port: import('node:worker_threads').MessagePort;
  constructor(port: import('node:worker_threads').MessagePort) {
    super();
    this.#port = port;
    port.on('close', () => this.emit('close'));
  }
  start(): void {
    this.#port.on('message', (data: unknown) => this.emit('message', { data, ports: [] }));
  }
  postMessage(message: unknown, transfer: unknown[] = []): void {
    if (transfer.length > 0) throw new TypeError('MessagePortMain transfers ports only');
    this.#port.postMessage(message);
  }
  close(): void {
    this.#port.close();
  }
}

linkSuite('MessagePortMain', async () => portPair((port) => new MainPort(port), false));

async function socketPair(): Promise<LinkPair> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const accepted = once(server, 'connection') as Promise<[WebSocket]>;
  const client = new WebSocket(url, { perMessageDeflate: false });
  const opened = openSocketLink(client);
  const [socket] = await accepted;
  const near = createSocketLink(socket);
  const far = await opened;
  return {
    near,
    far,
    kill: () => client.terminate(),
    // A frame with reserved bits (RFC 6455 5.2) written past the client library.
    garbage: () => void (client as unknown as { _socket: Socket })._socket.write(Buffer.alloc(64, 0xff)),
    async dispose() {
      client.terminate();
      socket.terminate();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

linkSuite('WebSocket', socketPair);

describe('socket link', () => {
  it('ends towards a peer that reads nothing, when the cap is reached, and counts what is pending', async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'connection') as Promise<[WebSocket]>;
    // Half dead: the handshake is done by hand, then nobody reads the socket any more.
    const tcp = connectTcp(port, '127.0.0.1');
    tcp.write(
      'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    tcp.pause();
    const [socket] = await accepted;
    const link = createSocketLink(socket, { maxPendingBytes: 16 * 1024 * 1024 });
    let most = 0;
    let isOpen = true;
    const closed = link.closed.then((reason) => {
      isOpen = false;
      return reason;
    });
    for (let sent = 0; isOpen && sent < 64; sent++) {
      link.send(new ArrayBuffer(1024 * 1024));
      most = Math.max(most, link.pendingBytes);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await closed).toMatch(/does not read/);
    expect(most).toBeGreaterThan(8 * 1024 * 1024);
    socket.terminate();
    tcp.destroy();
    server.close();
    await once(server, 'close');
  });

  it('says link.closed when there is no engine', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    await expect(openSocketLink(new WebSocket(`ws://127.0.0.1:${port}`))).rejects.toMatchObject({
      code: 'link.closed',
    });
  });
});

describe('port link', () => {
  it('closes when the thread on the other side dies', async () => {
    const { port1, port2 } = new MessageChannel();
    const link = createPortLink(port1);
    const worker = new Worker(
      `const { workerData } = require('node:worker_threads');
       workerData.port.on('message', () => process.exit(3));
       workerData.port.postMessage('ready');`,
      { eval: true, workerData: { port: port2 }, transferList: [port2] },
    );
    const ready = new Promise((resolve) => link.onMessage(resolve));
    expect(await ready).toBe('ready');
    link.send('die');
    expect(await link.closed).not.toBe('');
    await worker.terminate();
  });
});
