import { BATCH_FLAG, createBatch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import type { ColumnInfo, StreamInfo } from '../../core/stream-info.ts';
import type { SampleSink } from '../sample-sink.ts';
import { SleepWatch, sleepReason } from './sleep-watch.ts';
import type { StreamRegistry } from './stream-registry.ts';

/** Column behind the channels of every polled stream: half the time between sending and receiving, s. It is provenance, no channel. */
export const UNCERTAINTY: ColumnInfo = { channel: '~uncertainty', unit: 's' };

export interface TimedLimits {
  /** A batch closes at that many rows… */
  maxRows: number;
  /** …or that long after its first; ms. */
  maxMs: number;
}

const DEFAULT_LIMITS: TimedLimits = { maxRows: 8192, maxMs: 16 };

/**
 * The open batch of a polled stream: rows with a time each, Float64. Row time = (sent + received)/2, never going back
 * (a row that would is set 1 ns after the one before: exports and lookups rely on order).
 */
export class TimedStream implements Disposable {
  readonly info: StreamInfo;
  readonly #registry: StreamRegistry;
  readonly #sink: SampleSink;
  readonly #clock: Clock;
  readonly #limits: TimedLimits;
  readonly #width: number;
  #rows: Float64Array;
  #times: bigint[] = [];
  #seq = 0;
  #lastNs = 0n;
  #gapReason: string | undefined;
  readonly #sleeps: SleepWatch;
  #arrivedNs = 0n;
  #timer: Disposable | undefined;

  constructor(
    place: { registry: StreamRegistry; sink: SampleSink; clock: Clock },
    shape: { instrument: string; stream: string; columns: ColumnInfo[]; rateHz: number },
    limits: TimedLimits = DEFAULT_LIMITS,
  ) {
    this.#registry = place.registry;
    this.#sink = place.sink;
    this.#clock = place.clock;
    this.#limits = limits;
    this.#sleeps = new SleepWatch(place.clock);
    this.#width = shape.columns.length + 1;
    this.#rows = new Float64Array(this.#width * 16);
    this.info = place.registry.open({ ...shape, kind: 'timed', columns: [...shape.columns, UNCERTAINTY] });
  }

  /** One value per channel, in the order of the columns given; NaN = missing, ±Infinity = overload. */
  add(values: ArrayLike<number>, sentNs: bigint, receivedNs: bigint): void {
    const sleep = this.#sleeps.take();
    const slept = sleep && sleepReason(sleep, this.#gapReason);
    if (slept !== undefined) this.markGap(slept);
    const middle = (sentNs + receivedNs) / 2n;
    const time = middle > this.#lastNs ? middle : this.#lastNs + 1n;
    if (this.#gapReason !== undefined) this.#announceGap(time, this.#gapReason);
    const start = this.#times.length * this.#width;
    if (start + this.#width > this.#rows.length) this.#grow();
    for (let channel = 0; channel < this.#width - 1; channel++)
      this.#rows[start + channel] = values[channel] ?? Number.NaN;
    this.#rows[start + this.#width - 1] = Number(receivedNs - sentNs) / 2e9;
    this.#times.push(time);
    this.#lastNs = time;
    this.#arrivedNs = receivedNs;
    // Asked before the sleep and answered after it: the row may be of either end.
    if (sleep && slept !== undefined && sentNs < sleep.toNs) this.markGap(slept);
    else if (this.#times.length >= this.#limits.maxRows) this.flush();
    else this.#timer ??= this.#clock.after(this.#limits.maxMs, () => this.flush());
  }

  /** The next row comes after a pause of the source (reconnect, pause): no rows are lost, but the line must not be joined. */
  markGap(reason: string): void {
    this.flush();
    if (this.#seq > 0) this.#gapReason = reason;
  }

  flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const rows = this.#times.length;
    const t0Ns = this.#times[0];
    if (t0Ns === undefined) return;
    const flags = BATCH_FLAG.float64 | BATCH_FLAG.timed | (this.#afterGap ? BATCH_FLAG.gap : 0);
    const batch = createBatch({
      stream: this.info.id,
      rows,
      channels: this.#width,
      flags,
      seq: this.#seq,
      lost: 0,
      t0Ns,
      arrivedNs: this.#arrivedNs,
      dtS: 0,
      xOriginS: 0,
    });
    for (let row = 0; row < rows; row++) {
      if (batch.times) batch.times[row] = Number((this.#times[row] ?? t0Ns) - t0Ns) / 1e9;
      for (let channel = 0; channel < this.#width; channel++) {
        const column = batch.columns[channel];
        if (column) column[row] = this.#rows[row * this.#width + channel] ?? Number.NaN;
      }
    }
    this.#afterGap = false;
    this.#seq += rows;
    this.#times = [];
    this.#sink.batch(batch);
  }

  [Symbol.dispose](): void {
    this.flush();
    this.#registry.close(this.info);
  }

  #afterGap = false;

  #announceGap(toNs: bigint, reason: string): void {
    this.#sink.gap({ stream: this.info.id, seq: this.#seq, fromNs: this.#lastNs, toNs, lost: 0, reason });
    this.#gapReason = undefined;
    this.#afterGap = true;
  }

  #grow(): void {
    const larger = new Float64Array(this.#rows.length * 2);
    larger.set(this.#rows);
    this.#rows = larger;
  }
}
