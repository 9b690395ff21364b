import { createServer, type Server, type Socket } from 'node:net';
import { LabError } from '../../core/errors.ts';
import type { Accept, DeviceWire } from './device-wire.ts';

export interface SocketServer extends AsyncDisposable {
  readonly port: number;
}

/** Most connections at once; an instrument has few. */
const MAX_CONNECTIONS = 16;

/** Serves an instrument on a port of `host` (0 = any free one) or on a Unix socket path. Throws `simulator.failed`. */
export async function openSocketServer(at: number | string, accept: Accept, host = '127.0.0.1'): Promise<SocketServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    void serve(socket, accept);
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, at, host);
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, at: number | string, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const where = typeof at === 'number' ? `port ${at} of ${host}` : at;
      const text =
        error.code === 'EADDRINUSE'
          ? `Another program holds ${where}. The simulated bench did not start; give another port or 0 for any free one.`
          : `The system refused to listen on ${where} (${error.message}). The simulated bench did not start.`;
      reject(new LabError('simulator.failed', text, { code: error.code ?? '' }, { cause: error }));
    });
    if (typeof at === 'number') server.listen(at, host, () => resolve());
    else server.listen(at, () => resolve());
  });
}

async function serve(socket: Socket, accept: Accept): Promise<void> {
  const connection = accept(socketWire(socket));
  // An abrupt end of the other side is no event for an instrument.
  socket.on('error', () => {});
  socket.on('close', () => connection.closed());
  try {
    // Reading only after the last chunk was worked off: a flood of commands waits in the sender.
    for await (const chunk of socket) await connection.receive(chunk);
  } catch {
    // Cut while reading.
  } finally {
    socket.destroy();
  }
}

function socketWire(socket: Socket): DeviceWire {
  return {
    get pendingBytes() {
      return socket.writableLength;
    },
    send: (bytes) =>
      new Promise((resolve) => {
        if (socket.destroyed) resolve();
        else socket.write(bytes, () => resolve());
      }),
    cut: () => socket.destroy(),
  };
}
