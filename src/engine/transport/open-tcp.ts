import net from 'node:net';
import { createDeferred } from '../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../core/errors.ts';
import { fromOsError } from './os-error.ts';
import { cancellation, ReadBuffer } from './read-buffer.ts';
import type { ReadOptions, ReadResult, Transport } from './transport.ts';

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
  const socket = await connectTcp(target, options);
  return new TcpTransport(socket, target.resource, options.bufferBytes);
}

/** A connected socket without Nagle's algorithm. Throws as `openTcp`; nothing stays open then. */
export function connectTcp(
  target: { host: string; port: number; resource: string },
  { connectTimeoutMs = 5000, keepAliveMs = 15_000, signal }: TcpOptions,
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

class TcpTransport implements Transport {
  readonly resource: string;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly #socket: net.Socket;
  readonly #buffer: ReadBuffer;
  #ended: LabError | undefined;
  #isGone = false;

  constructor(socket: net.Socket, resource: string, bufferBytes: number | undefined) {
    this.resource = resource;
    this.#socket = socket;
    this.#buffer = new ReadBuffer({
      limitBytes: bufferBytes,
      onFull: () => socket.pause(),
      onSpace: () => socket.resume(),
    });
    const { promise, resolve } = createDeferred<{ code: ErrorCode; message: string }>();
    this.closed = promise;
    socket.on('data', (chunk) => this.#buffer.push(chunk));
    socket.on('error', (error) => {
      this.#ended ??= fromOsError(error, resource, `The connection to ${resource} broke`);
    });
    socket.on('end', () => {
      this.#ended ??= closedBy(resource, 'The instrument ended the connection');
      this.#buffer.end(this.#ended);
    });
    socket.on('close', () => {
      this.#isGone = true;
      this.#ended ??= closedBy(resource, 'The connection ended');
      this.#buffer.end(this.#ended);
      resolve({ code: this.#ended.code, message: this.#ended.message });
    });
  }

  write(bytes: Uint8Array, options: { end?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (this.#ended || this.#isGone) {
        reject(this.#ended ?? closedBy(this.resource, 'The connection is closed'));
        return;
      }
      if (signal?.aborted) {
        reject(cancellation(signal));
        return;
      }
      const onAbort = signal ? (): void => reject(cancellation(signal)) : undefined;
      if (onAbort) signal?.addEventListener('abort', onAbort, { once: true });
      this.#socket.write(bytes, (error) => {
        if (onAbort) signal?.removeEventListener('abort', onAbort);
        if (!error) resolve();
        else reject(this.#ended ?? fromOsError(error, this.resource, `Cannot send to ${this.resource}`));
      });
    });
  }

  read(options?: ReadOptions): Promise<ReadResult> {
    return this.#buffer.read(options);
  }

  /** Sends what is queued, then ends; a peer that does not take it is cut off after a second. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) {
      this.#ended = closedBy(this.resource, 'The connection was closed here');
      this.#buffer.abandon(this.#ended);
      // Nobody reads on: without resume the end of the other side is never seen.
      this.#socket.resume();
      this.#socket.destroySoon();
    }
    const timer = setTimeout(() => this.#socket.destroy(), 1000);
    await this.closed;
    clearTimeout(timer);
  }
}

function closedBy(resource: string, what: string): LabError {
  return new LabError('transport.closed', `${what} (${resource}). What was not answered is lost; attach it again.`, {
    resource,
  });
}
