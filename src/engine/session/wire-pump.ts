import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { Transport } from '../transport/transport.ts';

export interface PumpHost {
  /** A question waits: a message-based way is read only then. */
  isAsked(): boolean;
  /** Bytes came; borrowed until it returns. `end`: the message ends with them. */
  accept(bytes: Uint8Array, end: boolean): void;
  /** A read failed. `isOver`: the transport ended, and nothing is read any more. */
  failed(error: LabError, isOver: boolean): void;
}

/** Reads a transport all the time, so that bytes nobody asked for are seen at once. */
export class WirePump {
  readonly #transport: Transport;
  readonly #host: PumpHost;
  #running: { controller: AbortController; done: Promise<void> } | undefined;
  /** Wakes it on a message-based way. */
  #wake: Deferred<void> | undefined;

  constructor(transport: Transport, host: PumpHost) {
    this.#transport = transport;
    this.#host = host;
  }

  resume(): void {
    const controller = new AbortController();
    this.#running = { controller, done: this.#read(controller.signal) };
  }

  /** Stops reading; what comes waits in the transport for its new reader. */
  async pause(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.controller.abort();
    this.wake();
    await running?.done;
  }

  /** The read under way is for a question that was taken back: it ends, and the next one waits for a question. */
  recall(): void {
    const running = this.#running;
    if (!running) return;
    const controller = new AbortController();
    this.#running = { controller, done: running.done.then(() => this.#read(controller.signal)) };
    running.controller.abort();
    this.wake();
  }

  /** There is a question now. */
  wake(): void {
    this.#wake?.resolve();
  }

  async #read(signal: AbortSignal): Promise<void> {
    const isMessageBased = this.#transport.isMessageBased === true;
    const options = { signal };
    while (!signal.aborted) {
      try {
        if (isMessageBased && !this.#host.isAsked()) {
          this.#wake = createDeferred<void>();
          await this.#wake.promise;
          continue;
        }
        const { bytes, end } = await this.#transport.read(options);
        this.#host.accept(bytes, end);
      } catch (error) {
        if (signal.aborted) return;
        const failure = LabError.from(error);
        // A message-based way refuses a single read (device clear, locked by another client) and goes on.
        const isOver = !isMessageBased || failure.code === 'transport.closed' || failure.code === 'transport.failed';
        this.#host.failed(failure, isOver);
        if (isOver) return;
      }
    }
  }
}
