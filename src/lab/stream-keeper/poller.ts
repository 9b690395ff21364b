import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { ArrivedRows, KeeperRules } from './stream-spec.ts';

export interface PollResult {
  rows: ArrivedRows | undefined;
  /** Why there are none. */
  error: LabError | undefined;
}

/** Asks for rows again and again, one question at a time; failures slow it down. Disposed, nothing comes any more. */
export class Poller implements Disposable {
  readonly #clock: Clock;
  readonly #poll: (signal: AbortSignal) => Promise<ArrivedRows | undefined>;
  readonly #intervalMs: number;
  readonly #rules: KeeperRules;
  readonly #onResult: (result: PollResult) => void;
  readonly #stop = new AbortController();
  #timer: Disposable | undefined;
  #failures = 0;

  constructor(
    clock: Clock,
    poll: (signal: AbortSignal) => Promise<ArrivedRows | undefined>,
    intervalMs: number,
    rules: KeeperRules,
    onResult: (result: PollResult) => void,
  ) {
    this.#clock = clock;
    this.#poll = poll;
    this.#intervalMs = Math.max(intervalMs, rules.minPollMs);
    this.#rules = rules;
    this.#onResult = onResult;
    void this.#ask();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#stop.abort(new LabError('call.cancelled', 'Polling is over.'));
  }

  async #ask(): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    const result = await this.#once();
    if (this.#stop.signal.aborted) return;
    this.#failures = result.error ? this.#failures + 1 : 0;
    this.#onResult(result);
    if (this.#stop.signal.aborted) return;
    const slow = Math.min(this.#rules.maxPollMs, this.#rules.minPollMs * 2 ** Math.max(0, this.#failures - 1));
    const wait = Math.max(this.#intervalMs, this.#failures > 0 ? slow : 0);
    const passed = this.#clock.monotonicMs() - startMs;
    this.#timer = this.#clock.after(Math.max(0, wait - passed), () => void this.#ask());
  }

  /** One question; over when it is answered, too late, or not wanted any more, even if `poll` does not heed its signal. */
  #once(): Promise<PollResult> {
    const stop = new AbortController();
    return new Promise((resolve) => {
      const finish = (result: PollResult): void => {
        timeout[Symbol.dispose]();
        this.#stop.signal.removeEventListener('abort', cancel);
        resolve(result);
      };
      const giveUp = (error: LabError): void => {
        stop.abort(error);
        finish({ rows: undefined, error });
      };
      const cancel = (): void => giveUp(LabError.from(this.#stop.signal.reason));
      const timeout = this.#clock.after(this.#rules.pollTimeoutMs, () => giveUp(late()));
      this.#stop.signal.addEventListener('abort', cancel, { once: true });
      this.#poll(stop.signal).then(
        (rows) => finish({ rows, error: undefined }),
        (thrown: unknown) => finish({ rows: undefined, error: LabError.from(thrown) }),
      );
    });
  }
}

function late(): LabError {
  return new LabError('server.timeout', 'The server did not answer the poll in time. It is asked again.');
}
