import type { Clock } from '../../core/clock.ts';

/** Rows not made for so long were missed for good: the DAQ keeps real time even when its own process was stopped; ms. */
const MAX_BACKLOG_MS = 2000;

/**
 * Counts the rows a sampler has taken since it started, whoever looks. Rows are made in blocks: a look each `periodMs` asks for those
 * due since the last one.
 */
export class RowClock implements Disposable {
  /** Rows made or given up so far: number of the next one. */
  row = 0;
  readonly #clock: Clock;
  readonly #rateHz: number;
  readonly #startMs: number;
  readonly #periodMs: number;
  readonly #due: (rows: number, missed: number) => void;
  #timer: Disposable | undefined;

  /** `due(rows, missed)`: that many rows are due now, and before them so many were missed. */
  constructor(clock: Clock, rateHz: number, due: (rows: number, missed: number) => void) {
    this.#clock = clock;
    this.#rateHz = rateHz;
    this.#startMs = clock.monotonicMs();
    this.#periodMs = Math.min(50, Math.max(5, 1000 / rateHz));
    this.#due = due;
    this.#arm();
  }

  /** Makes what is due; also called at the end of a run. */
  tick(): void {
    const total = Math.floor(((this.#clock.monotonicMs() - this.#startMs) / 1000) * this.#rateHz);
    const backlog = total - this.row;
    if (backlog <= 0) return;
    const missed = Math.max(0, backlog - Math.ceil((this.#rateHz * MAX_BACKLOG_MS) / 1000));
    this.row = total;
    this.#due(backlog - missed, missed);
  }

  #arm(): void {
    this.#timer = this.#clock.after(this.#periodMs, () => {
      this.#arm();
      this.tick();
    });
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }
}
