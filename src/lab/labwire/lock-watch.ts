import type { Clock } from '../../core/clock.ts';

/** As LabLink's bench is asked: a login that may not hear of locks learns of them so. */
const ROUND_MS = 5000;

export interface LockWatchHost {
  readonly clock: Clock;
  /** Nothing is asked while there is no connection. */
  isPaused(): boolean;
  /** Asks who has what; false: the server has no such list. Must not throw. */
  look(): Promise<boolean>;
}

/** When a server is asked for its locks: when it says that one changed, and each 5 s. One question at a time. */
export class LockWatch implements Disposable {
  readonly #host: LockWatchHost;
  #timer: Disposable | undefined;
  #isLooking = false;
  #isAgain = false;
  #isOver = false;
  /** It has no list; a connection later it may have one. */
  #isAbsent = false;

  constructor(host: LockWatchHost) {
    this.#host = host;
  }

  /** A connection is ready. */
  connected(): void {
    this.#isAbsent = false;
    this.changed();
  }

  /** A lock changed, or may have: asked at once, once more if it is being asked. */
  changed(): void {
    if (this.#isLooking) this.#isAgain = true;
    else void this.#look();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    if (this.#isOver) return;
    this.#timer?.[Symbol.dispose]();
    if (!this.#isAbsent && !this.#host.isPaused()) {
      this.#isLooking = true;
      do {
        this.#isAgain = false;
        this.#isAbsent = !(await this.#host.look());
      } while (this.#isAgain && !this.#isOver);
      this.#isLooking = false;
    }
    if (this.#isOver || this.#isAbsent) return;
    this.#timer = this.#host.clock.after(ROUND_MS, () => void this.#look());
  }
}
