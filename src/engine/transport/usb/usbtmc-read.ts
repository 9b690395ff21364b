import { createDeferred } from '../../../core/deferred.ts';
import type { LabError } from '../../../core/errors.ts';
import type { ReadResult } from '../transport.ts';
import type { UsbtmcSending } from './usbtmc-sending.ts';

/**
 * One read that waits. Its caller hears of an abort at once; the transfer comes off the bus a moment later.
 *
 *     waiting ──answer──▶ resolved
 *        │ fail(reason): the caller's promise rejects, the transfer is aborted
 *        ▼
 *     leaving ──transfer off the bus──▶ `off` resolves
 */
export class UsbtmcRead {
  readonly promise: Promise<ReadResult>;
  /** Resolves when no transfer of it is on the bus; true: a short packet ended the last one after the abort. */
  readonly off: Promise<boolean>;
  /** Tag of the request that the device has been sent. */
  tag: number | undefined;
  /** A request that was given up and waits on the bus still. */
  left: { tag: number; sending: UsbtmcSending } | undefined;
  /** The turn of a request has come, and its answer has not. */
  isAsking = false;
  readonly #result = createDeferred<ReadResult>();
  readonly #off = createDeferred<boolean>();
  readonly #controller = new AbortController();

  constructor(run: (read: UsbtmcRead) => Promise<ReadResult>) {
    this.promise = this.#result.promise;
    this.off = this.#off.promise;
    // Started a turn later, so that its owner knows it by then.
    void Promise.resolve()
      .then(() => run(this))
      .then(
        (result) => this.#result.resolve(result),
        (error: unknown) => this.#result.reject(error),
      )
      .finally(() => this.#off.resolve(this.isDrained));
  }

  isDrained = false;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  fail(reason: LabError): void {
    this.#result.reject(reason);
    this.#controller.abort(reason);
  }
}
