import dgram from 'node:dgram';
import { isIP } from 'node:net';
import { createDeferred } from '../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../core/errors.ts';
import { fromOsError } from './os-error.ts';
import { cancellation, ReadBuffer } from './read-buffer.ts';
import type { ReadOptions, ReadResult, Transport } from './transport.ts';

export interface UdpOptions {
  /** Unread bytes held; datagrams that come beyond are lost, as datagrams are. Default 1 MiB. */
  bufferBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

const LF = 0x0a;

/**
 * Receives datagrams at an address of this machine (Teleplot, 47269) as a stream of lines: each datagram ends its last line, so that one without
 * a line end is not joined to the next. Nobody is answered: writing throws `transport.unsupported`. Throws `transport.busy` when another program
 * listens there, `transport.denied`, `transport.not-found`.
 */
export async function openUdp(
  target: { host: string; port: number; resource: string },
  { bufferBytes, signal }: UdpOptions = {},
): Promise<Transport> {
  if (signal?.aborted) throw cancellation(signal);
  const host = target.host.replace(/^\[(.*)\]$/, '$1');
  const socket = dgram.createSocket({ type: isIP(host) === 6 ? 'udp6' : 'udp4' });
  const { promise, resolve, reject } = createDeferred<void>();
  socket.once('error', reject);
  socket.bind({ port: target.port, address: host, exclusive: true }, () => resolve());
  try {
    await promise;
  } catch (error) {
    socket.close();
    throw fromOsError(error, target.resource, `Cannot listen for datagrams at ${target.host} port ${target.port}`);
  }
  socket.removeAllListeners('error');
  return new UdpTransport(socket, target.resource, bufferBytes ?? 1024 * 1024);
}

class UdpTransport implements Transport {
  readonly resource: string;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly #socket: dgram.Socket;
  readonly #buffer: ReadBuffer;
  readonly #closed = createDeferred<{ code: ErrorCode; message: string }>();
  #ended: LabError | undefined;

  constructor(socket: dgram.Socket, resource: string, limitBytes: number) {
    this.resource = resource;
    this.#socket = socket;
    this.closed = this.#closed.promise;
    this.#buffer = new ReadBuffer({ limitBytes });
    socket.on('message', (datagram) => {
      // Nothing holds a sender of datagrams back: whole ones are left out rather than cut.
      if (this.#buffer.length + datagram.length > limitBytes) return;
      const isEnded = datagram.at(-1) === LF;
      this.#buffer.push(isEnded ? datagram : Buffer.concat([datagram, Uint8Array.of(LF)]));
    });
    socket.on('error', (error) => {
      this.#ended ??= fromOsError(error, resource, `Listening at ${resource} failed`);
      socket.close();
    });
    socket.on('close', () => {
      this.#ended ??= new LabError('transport.closed', `Listening at ${resource} ended. Attach it again.`, {
        resource,
      });
      this.#buffer.end(this.#ended);
      this.#closed.resolve({ code: this.#ended.code, message: this.#ended.message });
    });
  }

  write(): Promise<void> {
    if (this.#ended) return Promise.reject(this.#ended);
    const message = `${this.resource} only listens: whoever sends datagrams there cannot be answered. Nothing was sent.`;
    return Promise.reject(new LabError('transport.unsupported', message, { resource: this.resource }));
  }

  read(options?: ReadOptions): Promise<ReadResult> {
    return this.#buffer.read(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) {
      this.#ended = new LabError('transport.closed', `${this.resource} was closed here.`, { resource: this.resource });
      this.#buffer.abandon(this.#ended);
      this.#socket.close();
    }
    await this.closed;
  }
}
