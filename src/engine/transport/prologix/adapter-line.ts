import { LabError } from '../../../core/errors.ts';
import { cancellation } from '../read-buffer.ts';
import type { Transport } from '../transport.ts';

interface Waiter {
  take(): void;
  reject(error: unknown): void;
}

/**
 * The bytes between us and an adapter. One read is always under way, so that bytes nobody asked for are noticed before the next transaction
 * (`hasUnread`); what has come waits until it is taken, and beyond one piece in the transport, whose back-pressure reaches the adapter.
 */
export class AdapterLine implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #explain: (error: LabError) => LabError;
  #arrived: Uint8Array | undefined;
  #failure: LabError | undefined;
  #waiter: Waiter | undefined;
  #unansweredBytes = 0;

  /** `explain` puts the end of the line into words of the adapter. */
  constructor(transport: Transport, explain: (error: LabError) => LabError) {
    this.#transport = transport;
    this.#explain = explain;
    this.#read();
  }

  get closed(): Transport['closed'] {
    return this.#transport.closed;
  }

  /** Bytes wait that belong to no transaction. */
  get hasUnread(): boolean {
    return this.#arrived !== undefined;
  }

  /** Bytes sent since the adapter was last heard: what it may not have taken yet, though the system has. */
  get unansweredBytes(): number {
    return this.#unansweredBytes;
  }

  send(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    this.#unansweredBytes += bytes.length;
    return this.#transport.write(bytes, signal ? { signal } : {});
  }

  /**
   * The next bytes, owned by the caller; undefined when none came for `timeoutMs`. One call at a time: a second one takes over, the first throws
   * `call.invalid`. Throws what ended the line, the cancellation of the signal, or what `breakOff` was given.
   */
  next({
    timeoutMs,
    signal,
  }: {
    timeoutMs: number;
    signal?: AbortSignal | undefined;
  }): Promise<Uint8Array | undefined> {
    if (signal?.aborted) return Promise.reject(cancellation(signal));
    if (this.#arrived) return Promise.resolve(this.#takeArrived());
    if (this.#failure) return Promise.reject(this.#failure);
    this.#waiter?.reject(
      new LabError(
        'call.invalid',
        'Somebody else waits for bytes of this GPIB adapter; these bytes are for the other.',
      ),
    );
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        this.#waiter = undefined;
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        take: () => {
          finish();
          resolve(this.#takeArrived());
        },
        reject: (error) => {
          finish();
          reject(error);
        },
      };
      const onAbort = (): void => waiter.reject(signal ? cancellation(signal) : undefined);
      const timer = setTimeout(() => {
        finish();
        resolve(undefined);
      }, timeoutMs);
      this.#waiter = waiter;
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Whoever waits for bytes gets this error instead. */
  breakOff(error: LabError): void {
    this.#waiter?.reject(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }

  #takeArrived(): Uint8Array | undefined {
    const bytes = this.#arrived;
    this.#arrived = undefined;
    if (!this.#failure) this.#read();
    return bytes;
  }

  #read(): void {
    this.#transport.read().then(
      ({ bytes }) => {
        this.#unansweredBytes = 0;
        // Not slice(): that of a Buffer is a view.
        this.#arrived = new Uint8Array(bytes);
        this.#waiter?.take();
      },
      (error: unknown) => {
        this.#failure = this.#explain(LabError.from(error));
        this.#waiter?.reject(this.#failure);
      },
    );
  }
}
