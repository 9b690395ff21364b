import { once } from 'node:events';
import net from 'node:net';
import { SerialPort } from 'serialport';
import type { MemoryDevice } from '../../src/engine/transport/memory-transport.ts';
import type { FarEnd } from './transport-suite.ts';

/** Collects what arrives and tells when enough has. */
class Collector {
  #bytes = Buffer.alloc(0);
  #waiting: { count: number; resolve: () => void }[] = [];

  readonly push = (chunk: Uint8Array): void => {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.#bytes.length < count) return true;
      resolve();
      return false;
    });
  };

  received = (): Uint8Array => new Uint8Array(this.#bytes);

  receivedAtLeast = (count: number): Promise<void> =>
    new Promise((resolve) => {
      this.#waiting.push({ count, resolve });
      this.push(new Uint8Array(0));
    });
}

/** One end of a TCP connection, on the instrument's side. */
export async function listenOnce(): Promise<{ port: number; far: Promise<FarEnd>; close: () => void }> {
  const server = net.createServer({ noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = once(server, 'connection').then(([socket]: net.Socket[]) => socketEnd(socket as net.Socket));
  return { port: (server.address() as net.AddressInfo).port, far, close: () => server.close() };
}

function socketEnd(socket: net.Socket): FarEnd {
  const collector = new Collector();
  socket.on('data', collector.push);
  socket.on('error', () => {});
  return {
    received: collector.received,
    receivedAtLeast: collector.receivedAtLeast,
    send: (bytes) => new Promise((resolve) => socket.write(bytes, () => resolve())),
    hangUp: async () => {
      socket.end();
    },
  };
}

/** The other pseudo-terminal. */
export async function openFarPort(
  path: string,
  hangUp: () => Promise<void>,
): Promise<FarEnd & { close(): Promise<void> }> {
  const port = new SerialPort({ path, baudRate: 115200, autoOpen: false });
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
  const collector = new Collector();
  port.on('data', collector.push);
  port.on('error', () => {});
  return {
    received: collector.received,
    receivedAtLeast: collector.receivedAtLeast,
    send: (bytes) => new Promise((resolve) => port.write(Buffer.from(bytes), undefined, () => resolve())),
    hangUp,
    close: () => new Promise((resolve) => (port.isOpen ? port.close(() => resolve()) : resolve())),
  };
}

export function memoryEnd(device: MemoryDevice): FarEnd {
  const collector = new Collector();
  device.onBytes(collector.push);
  return {
    received: collector.received,
    receivedAtLeast: collector.receivedAtLeast,
    send: (bytes) => device.send(bytes),
    hangUp: async () => device.hangUp(),
  };
}
