import type { Clock } from '../../core/clock.ts';
import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { LabwireMessage } from '../../protocol/lab/labwire-messages.ts';

export interface RequestOptions {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** Carried out once by its `idem`: sent again on the next connection until its time is over. */
  isRepeatable: boolean;
}

interface Pending {
  message: Record<string, unknown>;
  dueMs: number;
  isRepeatable: boolean;
  answer: Deferred<LabwireMessage>;
  end(): void;
}

/** Requests that wait for their answer (`re`). At most `limit` of them. */
export class PendingRequests {
  readonly #clock: Clock;
  readonly #send: (message: Record<string, unknown>) => boolean;
  readonly #limit: number;
  readonly #pending = new Map<string, Pending>();
  #count = 0;

  constructor(clock: Clock, send: (message: Record<string, unknown>) => boolean, limit = 256) {
    this.#clock = clock;
    this.#send = send;
    this.#limit = limit;
  }

  /**
   * Sends a message with an id of its own and gives its answer. Throws server.closed where nothing was sent, server.timeout where it is not known whether it was
   * carried out, call.cancelled, server.busy beyond the limit.
   */
  ask(message: Record<string, unknown>, { timeoutMs, signal, isRepeatable }: RequestOptions): Promise<LabwireMessage> {
    if (signal?.aborted) return Promise.reject(LabError.from(signal.reason));
    if (this.#pending.size >= this.#limit)
      return Promise.reject(
        new LabError(
          'server.busy',
          `${this.#limit} requests to the lab server wait for their answers already. This one was not sent; try again when they are answered.`,
        ),
      );
    const id = `r${++this.#count}`;
    const sent = { ...message, id };
    if (!this.#send(sent) && !isRepeatable) return Promise.reject(notSent());
    const answer = createDeferred<LabwireMessage>();
    const onAbort = (): void => this.#fail(id, LabError.from(signal?.reason));
    const timer = this.#clock.after(timeoutMs, () => this.#fail(id, timedOut(timeoutMs)));
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#pending.set(id, {
      message: sent,
      dueMs: this.#clock.monotonicMs() + timeoutMs,
      isRepeatable,
      answer,
      end: () => {
        timer[Symbol.dispose]();
        signal?.removeEventListener('abort', onAbort);
      },
    });
    return answer.promise;
  }

  /** An answer came; false: nothing waits for it. */
  answered(re: string | number | undefined, message: LabwireMessage): boolean {
    const id = String(re);
    const pending = this.#pending.get(id);
    if (!pending) return false;
    this.#pending.delete(id);
    pending.end();
    pending.answer.resolve(message);
    return true;
  }

  /** The connection ended: what may not be sent twice is given up. */
  lost(): void {
    for (const [id, { isRepeatable }] of [...this.#pending]) if (!isRepeatable) this.#fail(id, lost());
  }

  /** A new connection is ready: the others are sent again with what is left of their time. */
  again(): void {
    const now = this.#clock.monotonicMs();
    for (const { message, dueMs } of this.#pending.values())
      this.#send(
        'deadline_ms' in message ? { ...message, deadline_ms: Math.max(1, Math.round(dueMs - now)) } : message,
      );
  }

  /** All are given up. */
  close(error: LabError): void {
    for (const id of [...this.#pending.keys()]) this.#fail(id, error);
  }

  #fail(id: string, error: LabError): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    pending.end();
    pending.answer.reject(error);
  }
}

function notSent(): LabError {
  return new LabError(
    'server.closed',
    'There is no connection to the lab server. Nothing was sent; try again when it is back.',
  );
}

function lost(): LabError {
  return new LabError(
    'server.timeout',
    'The connection to the lab server ended before the answer. Whether it was carried out is not known: read the state.',
  );
}

function timedOut(timeoutMs: number): LabError {
  return new LabError(
    'server.timeout',
    `The lab server did not answer within ${timeoutMs / 1000} s. Whether it was carried out is not known: read the state.`,
  );
}
