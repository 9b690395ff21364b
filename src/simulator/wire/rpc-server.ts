import { type AddressInfo, createServer, type Socket } from 'node:net';
import { LabError } from '../../core/errors.ts';
import { markRecord, RecordReader } from '../../protocol/record-mark.ts';
import type { RpcProgram } from './rpc-program.ts';

/** What one connection talks to. */
export interface RpcConnection {
  service: RpcProgram;
  closed(): void;
}

export interface RpcServerOptions {
  /** IPv4 address; default 127.0.0.1. */
  host?: string | undefined;
  /** 0: any free one. */
  port: number;
  /** Most connections at once; default 32. */
  maxConnections?: number | undefined;
  /** Replies are cut into record fragments of so many bytes; default: one each. Asked for each reply. */
  fragmentBytes?: (() => number | undefined) | undefined;
  accept(cut: () => void, localAddress: string): RpcConnection;
}

export interface RpcServer extends AsyncDisposable {
  readonly port: number;
  readonly connections: number;
  cutAll(): void;
}

/** Longest call taken; a write of an instrument holds its maxRecvSize. */
const MAX_CALL_BYTES = 20 * 1024 * 1024;
/** Calls of one connection that wait for the one before; then it is not read on. */
const MAX_WAITING = 16;

/** Serves RPC over TCP, the calls of a connection one after the other. Throws `simulator.failed`. */
export async function openRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const { host = '127.0.0.1', port, maxConnections = 32 } = options;
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, options);
  });
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const text = `The system refused to listen on ${host} port ${port} (${error.message}). That instrument did not start; give another port or 0 for any free one.`;
      reject(new LabError('simulator.failed', text, { code: error.code ?? '' }, { cause: error }));
    });
    server.listen(port, host, () => resolve());
  });
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return sockets.size;
    },
    cutAll,
    async [Symbol.asyncDispose]() {
      cutAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function serve(socket: Socket, { accept, fragmentBytes }: RpcServerOptions): void {
  const connection = accept(() => socket.destroy(), socket.localAddress ?? '');
  const reader = new RecordReader({ maxRecordBytes: MAX_CALL_BYTES });
  let waiting = 0;
  let turn: Promise<void> = Promise.resolve();
  const answer = async (record: Uint8Array): Promise<void> => {
    if (socket.destroyed) return;
    const reply = await connection.service.answer(record);
    if (!socket.destroyed) await send(socket, markRecord(reply, fragmentBytes?.()));
  };
  // Flowing all the time: only so the end of the other side is seen while a call is carried out.
  socket.on('data', (chunk) => {
    try {
      for (const record of reader.push(chunk)) {
        if (++waiting >= MAX_WAITING) socket.pause();
        turn = turn.then(async () => {
          await answer(record).catch(() => socket.destroy());
          if (--waiting < MAX_WAITING) socket.resume();
        });
      }
    } catch {
      socket.destroy();
    }
  });
  // An abrupt end of the other side is no event for an instrument.
  socket.on('error', () => {});
  socket.on('close', () => connection.closed());
}

function send(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', resolve);
    socket.write(bytes, () => {
      socket.off('close', resolve);
      resolve();
    });
  });
}
