import { LabError } from '../../../core/errors.ts';
import { cancellation } from '../read-buffer.ts';

/** The bus, held by one transaction. Releasing twice is fine. */
export interface Hold {
  readonly isUrgent: boolean;
  /** What the holder does when Outputs off cannot wait: it gives the bus back as soon as it can. Set by the holder; called once. */
  cut: (() => void) | undefined;
  release(): void;
}

export interface HoldOptions {
  isUrgent?: boolean | undefined;
  /** Any of them ends the wait. Not joined to one: a joined signal stays known to a long-lived one. */
  signals?: readonly (AbortSignal | undefined)[] | undefined;
  /** Makes it urgent while it waits. */
  hurry?: AbortSignal | undefined;
}

interface Waiting {
  isUrgent: boolean;
  grant(): void;
  reject(error: LabError): void;
}

/** Transactions that wait; more are refused. */
const MAX_WAITING = 256;
/** A transaction that ends by itself so soon is not cut. */
const CUT_AFTER_MS = 30;
/** Outputs off is a row of short transactions: between two of them nobody else starts. */
const URGENT_LINGER_MS = 25;

/**
 * One bus, one transaction at a time, in the order they came; Outputs off goes first.
 *
 *               acquire            release
 *     free ───────────────▶ held ───────────▶ next that waits (urgent ones first), else free
 *                             │ an urgent one (from the start, or hurried since) waits for 30 ms: `cut` of the holder, unless it is urgent itself
 */
export class AdapterLock {
  #holder: Hold | undefined;
  #urgent: Waiting[] = [];
  #normal: Waiting[] = [];
  #cutTimer: ReturnType<typeof setTimeout> | undefined;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;
  #ended: LabError | undefined;

  get isHeld(): boolean {
    return this.#holder !== undefined;
  }

  /** The bus, if it is free and nobody waits for it. */
  tryAcquire(isUrgent: boolean): Hold | undefined {
    const isFree = !this.#holder && !this.#ended && this.#urgent.length === 0 && this.#normal.length === 0;
    return isFree && (isUrgent || !this.#lingerTimer) ? this.#hold(isUrgent) : undefined;
  }

  /** Throws `instrument.busy` when too many wait, the cancellation of the signal that aborts first, or what the adapter ended with. */
  acquire({ isUrgent: isUrgentAtOnce = false, signals = [], hurry }: HoldOptions = {}): Promise<Hold> {
    return new Promise((resolve, reject) => {
      const isUrgent = isUrgentAtOnce || hurry?.aborted === true;
      if (this.#ended) return reject(this.#ended);
      const aborted = signals.find((signal) => signal?.aborted);
      if (aborted) return reject(cancellation(aborted));
      const queue = isUrgent ? this.#urgent : this.#normal;
      if (queue.length >= MAX_WAITING) {
        return reject(
          new LabError(
            'instrument.busy',
            `${MAX_WAITING} exchanges wait for this GPIB adapter already; this one was not sent. Poll the instruments behind it less often.`,
          ),
        );
      }
      const onAbort = ({ target }: Event): void => {
        forget();
        this.#urgent = this.#urgent.filter((one) => one !== waiting);
        this.#normal = this.#normal.filter((one) => one !== waiting);
        if (target instanceof AbortSignal) reject(cancellation(target));
      };
      const forget = (): void => {
        for (const signal of signals) signal?.removeEventListener('abort', onAbort);
        hurry?.removeEventListener('abort', onHurry);
      };
      const onHurry = (): void => {
        if (waiting.isUrgent) return;
        this.#normal = this.#normal.filter((one) => one !== waiting);
        waiting.isUrgent = true;
        this.#urgent.push(waiting);
        this.#next();
        this.#watchHolder();
      };
      const waiting: Waiting = {
        isUrgent,
        grant: () => {
          forget();
          resolve(this.#hold(waiting.isUrgent));
        },
        reject: (error) => {
          forget();
          reject(error);
        },
      };
      for (const signal of signals) signal?.addEventListener('abort', onAbort, { once: true });
      hurry?.addEventListener('abort', onHurry, { once: true });
      queue.push(waiting);
      this.#next();
      this.#watchHolder();
    });
  }

  /** Nobody gets the bus any more. */
  end(error: LabError): void {
    this.#ended ??= error;
    clearTimeout(this.#cutTimer);
    clearTimeout(this.#lingerTimer);
    for (const waiting of [...this.#urgent.splice(0), ...this.#normal.splice(0)]) waiting.reject(error);
  }

  #hold(isUrgent: boolean): Hold {
    const hold: Hold = {
      isUrgent,
      cut: undefined,
      release: () => {
        if (this.#holder !== hold) return;
        this.#holder = undefined;
        clearTimeout(this.#cutTimer);
        this.#cutTimer = undefined;
        if (isUrgent) this.#linger();
        this.#next();
        this.#watchHolder();
      },
    };
    this.#holder = hold;
    return hold;
  }

  #linger(): void {
    clearTimeout(this.#lingerTimer);
    this.#lingerTimer = setTimeout(() => {
      this.#lingerTimer = undefined;
      this.#next();
    }, URGENT_LINGER_MS);
  }

  #next(): void {
    if (this.#holder || this.#ended) return;
    const waiting = this.#urgent.shift() ?? (this.#lingerTimer ? undefined : this.#normal.shift());
    waiting?.grant();
  }

  #watchHolder(): void {
    if (this.#urgent.length === 0 || !this.#holder || this.#holder.isUrgent || this.#cutTimer) return;
    const holder = this.#holder;
    this.#cutTimer = setTimeout(() => {
      this.#cutTimer = undefined;
      if (this.#holder !== holder) return;
      const { cut } = holder;
      // Once: cut again it would take the bytes of whoever has the bus by then.
      holder.cut = undefined;
      if (cut) cut();
      else this.#watchHolder();
    }, CUT_AFTER_MS);
  }
}
