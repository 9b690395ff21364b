import type { Clock } from '../../core/clock.ts';
import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';

export interface HubQuestionsOptions {
  /** Default 10 s. */
  limitMs?: number;
  /** Questions under way. Default 64. */
  most?: number;
}

/** What is asked of the hub and not answered yet. Inputs are not kept: they may hold passwords. */
export class HubQuestions {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #most: number;
  readonly #open = new Map<number, Deferred<unknown>>();
  #last = 0;

  constructor(clock: Clock, { limitMs = 10_000, most = 64 }: HubQuestionsOptions = {}) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#most = most;
  }

  /** Sends under a number and waits. Throws share.gone after the limit, call.limit, the reason of the signal, and what the hub says. */
  async ask(call: string, signal: AbortSignal, send: (ask: number) => void): Promise<unknown> {
    signal.throwIfAborted();
    if (this.#open.size >= this.#most)
      throw new LabError(
        'call.limit',
        `The hub has ${this.#most} questions before it. ${call} was not begun. Try again.`,
      );
    const ask = ++this.#last;
    const answer = createDeferred<unknown>();
    this.#open.set(ask, answer);
    const limit = this.#clock.after(this.#limitMs, () =>
      answer.reject(
        new LabError(
          'share.gone',
          `The hub did not answer ${call} within ${this.#limitMs / 1000} s. Whether it was carried out is not known. Look at the list; if it stays, switch sharing off and on.`,
        ),
      ),
    );
    const onAbort = (): void => answer.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      send(ask);
      return await answer.promise;
    } finally {
      this.#open.delete(ask);
      limit[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** One that is asked no more is ignored. */
  answer(ask: number, what: LabError | { output: unknown }): void {
    const answer = this.#open.get(ask);
    if (what instanceof LabError) answer?.reject(what);
    else answer?.resolve(what.output);
  }

  /** Nobody will answer. */
  end(error: LabError): void {
    for (const answer of this.#open.values()) answer.reject(error);
  }
}
