import { LabError } from '../../core/errors.ts';
import type { LabLinkPlace } from './place.ts';
import type { SocketTrust } from './socket-trust.ts';
import type { StreamStarter } from './stream-starter.ts';
import { tryDatedStreams } from './trial.ts';

/** A trial that could not be made (others watch, REST failed) is thought of again after so long. */
const AGAIN_MS = 60_000;

export interface TrialRunnerHost {
  place: LabLinkPlace;
  trust: SocketTrust;
  starter: StreamStarter;
  send(text: string): boolean;
  renew(reason: string): void;
  /** A trial is over. */
  ended(): void;
}

/** Runs the trial of dated streams: one at a time, not again at once, ended with its connection. */
export class TrialRunner {
  readonly #host: TrialRunnerHost;
  readonly #waits = new Map<string, () => void>();
  /** The acquisition the last trial made: its messages are nobody's stream. */
  #tried = '';
  #running: AbortController | undefined;
  #startedMs = Number.NEGATIVE_INFINITY;

  constructor(host: TrialRunnerHost) {
    this.#host = host;
  }

  want(): void {
    const { clock } = this.#host.place.ports;
    if (this.#running || clock.monotonicMs() - this.#startedMs < AGAIN_MS) return;
    this.#startedMs = clock.monotonicMs();
    const running = new AbortController();
    this.#running = running;
    const { ended, ...host } = this.#host;
    const awaitAcquisition = (id: string, ms: number, signal: AbortSignal): Promise<boolean> =>
      this.#await(id, ms, signal);
    void tryDatedStreams({ ...host, awaitAcquisition }, running.signal)
      // It is tried again; what failed shows elsewhere.
      .catch(() => undefined)
      .finally(() => {
        if (this.#running === running) this.#running = undefined;
        ended();
      });
  }

  /** The next wish is heard at once. */
  forget(): void {
    this.#startedMs = Number.NEGATIVE_INFINITY;
  }

  abort(): void {
    this.#running?.abort(new LabError('server.closed', 'The connection ended.'));
    this.#running = undefined;
  }

  /** Whether a message is of the trial's own acquisition. */
  takes(acquisition: string): boolean {
    this.#waits.get(acquisition)?.();
    return acquisition === this.#tried;
  }

  #await(id: string, ms: number, signal: AbortSignal): Promise<boolean> {
    this.#tried = id;
    return new Promise((resolve) => {
      const done = (came: boolean): void => {
        timer[Symbol.dispose]();
        signal.removeEventListener('abort', onAbort);
        this.#waits.delete(id);
        resolve(came);
      };
      const onAbort = (): void => done(false);
      const timer = this.#host.place.ports.clock.after(ms, () => done(false));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waits.set(id, () => done(true));
    });
  }
}
