import { type Clock, delay } from '../../core/clock.ts';
import type { Session } from './session.ts';

/** A gateway that never answers the wish must not hold the wire; ms. */
const PATIENCE_MS = 3000;

type Listener = (statusByte: number | undefined) => void;

/**
 * Service requests of a session. The way is asked to tell them when the first listener comes, and again after the connection was opened anew; masks
 * of the instrument (*SRE, *ESE) are not touched. A way that refuses tells none.
 */
export class SrqListeners {
  readonly #session: Pick<Session, 'control' | 'can'>;
  readonly #clock: Clock;
  readonly #listeners = new Set<Listener>();
  #watch: Promise<AsyncDisposable | undefined> | undefined;

  constructor(session: Pick<Session, 'control' | 'can'>, clock: Clock) {
    this.#session = session;
    this.#clock = clock;
  }

  add(listener: Listener): Disposable {
    // One added twice is two.
    const own: Listener = (statusByte) => listener(statusByte);
    this.#listeners.add(own);
    this.#watch ??= this.#subscribe();
    return { [Symbol.dispose]: () => this.#remove(own) };
  }

  /** The connection is another one: what was subscribed is gone with the old one. */
  renew(): void {
    if (this.#watch) this.#watch = this.#listeners.size > 0 ? this.#subscribe() : undefined;
  }

  #remove(listener: Listener): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    const watch = this.#watch;
    this.#watch = undefined;
    void watch?.then((one) => one?.[Symbol.asyncDispose]()).catch(() => undefined);
  }

  #subscribe(): Promise<AsyncDisposable | undefined> {
    if (!this.#session.can.serviceRequest) return Promise.resolve(undefined);
    const tell: Listener = (statusByte) => {
      for (const listener of [...this.#listeners]) listener(statusByte);
    };
    return this.#session
      .control(
        async (control) => {
          const watch = control.onServiceRequest?.(tell);
          const inTime = await Promise.race([watch, delay(this.#clock, PATIENCE_MS)]);
          if (inTime) return inTime;
          void watch?.then((late) => late[Symbol.asyncDispose]()).catch(() => undefined);
          return undefined;
        },
        { priority: 'background' },
      )
      .catch(() => undefined);
  }
}
