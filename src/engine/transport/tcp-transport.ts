import type { Socket } from 'node:net';
import { createDeferred } from '../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../core/errors.ts';
import { fromOsError } from './os-error.ts';
import { cancellation } from './read-buffer.ts';
import type { SocketIntake } from './socket-intake.ts';
import type { ReadOptions, ReadResult, Transport, WriteOptions } from './transport.ts';

/** A connected socket. */
export class TcpTransport implements Transport {
  readonly resource: string;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly #socket: Socket;
  readonly #intake: SocketIntake;
  #ended: LabError | undefined;
  #isGone = false;

  constructor(socket: Socket, intake: SocketIntake, resource: string) {
    this.resource = resource;
    this.#socket = socket;
    this.#intake = intake;
    const { promise, resolve } = createDeferred<{ code: ErrorCode; message: string }>();
    this.closed = promise;
    socket.on('error', (error) => {
      this.#ended ??= fromOsError(error, resource, `The connection to ${resource} broke`);
    });
    socket.on('end', () => {
      this.#ended ??= closedBy(resource, 'The instrument ended the connection');
      intake.buffer.end(this.#ended);
    });
    socket.on('close', () => {
      this.#isGone = true;
      this.#ended ??= closedBy(resource, 'The connection ended');
      intake.buffer.end(this.#ended);
      resolve({ code: this.#ended.code, message: this.#ended.message });
    });
  }

  write(bytes: Uint8Array, { signal }: WriteOptions = {}): Promise<void> {
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
    return this.#intake.buffer.read(options);
  }

  /** Sends what is queued, then ends; a peer that does not take it is cut off after a second. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) {
      this.#ended = closedBy(this.resource, 'The connection was closed here');
      this.#intake.buffer.abandon(this.#ended);
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
