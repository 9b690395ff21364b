import net from 'node:net';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import { fromOsError } from './os-error.ts';
import { cancellation } from './read-buffer.ts';
import { SocketIntake } from './socket-intake.ts';
import { TcpTransport } from './tcp-transport.ts';
import type { Transport } from './transport.ts';

export interface TcpOptions {
  /** Longest wait for the connection; default 5000. */
  connectTimeoutMs?: number | undefined;
  /** Unread bytes held before the socket is paused; default 1 MiB. */
  bufferBytes?: number | undefined;
  /** Silence after which the system probes the other side; default 15,000. */
  keepAliveMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Opens a raw SCPI socket. Throws `transport.refused`, `transport.not-found`, `transport.unreachable`, `transport.failed`, or the
 * cancellation of the signal; nothing stays open then.
 */
export async function openTcp(
  target: { host: string; port: number; resource: string },
  options: TcpOptions = {},
): Promise<Transport> {
  let socket: net.Socket | undefined;
  const intake = new SocketIntake({
    limitBytes: options.bufferBytes,
    onFull: () => socket?.pause(),
    onSpace: () => socket?.resume(),
  });
  socket = await connectTcp(target, options, intake);
  return new TcpTransport(socket, intake, target.resource);
}

/**
 * A connected socket without Nagle's algorithm; what comes goes to the intake, or without one to `data` listeners. Throws as `openTcp`; nothing
 * stays open then.
 */
export function connectTcp(
  target: { host: string; port: number; resource: string },
  { connectTimeoutMs = 5000, keepAliveMs = 15_000, signal }: TcpOptions,
  intake?: SocketIntake,
): Promise<net.Socket> {
  const { promise, resolve, reject } = createDeferred<net.Socket>();
  if (signal?.aborted) return Promise.reject(cancellation(signal));
  const host = target.host.replace(/^\[(.*)\]$/, '$1');
  const socket = net.connect({
    host,
    port: target.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    ...(intake ? { onread: intake.onread } : {}),
  });
  const fail = (error: LabError): void => {
    settle();
    socket.on('error', () => {});
    socket.destroy();
    reject(error);
  };
  const onAbort = (): void => {
    if (signal) fail(cancellation(signal));
  };
  const onError = (error: Error): void =>
    fail(fromOsError(error, target.resource, `Cannot connect to ${target.host} port ${target.port}`));
  const timer = setTimeout(() => {
    const message = `No answer from ${target.host} port ${target.port} within ${connectTimeoutMs} ms. Nothing is open. Check the address, the cable and firewalls.`;
    fail(new LabError('transport.unreachable', message, { resource: target.resource }));
  }, connectTimeoutMs);
  const settle = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    socket.off('error', onError);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  socket.once('error', onError);
  socket.once('connect', () => {
    settle();
    resolve(socket);
  });
  return promise;
}
