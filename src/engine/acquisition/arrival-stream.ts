import { BATCH_FLAG, createBatch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import type { ColumnInfo, StreamInfo } from '../../core/stream-info.ts';
import type { StreamRows } from '../driver/driver.ts';
import type { SampleSink } from '../sample-sink.ts';
import { SleepWatch, sleepReason } from './sleep-watch.ts';
import type { StreamRegistry } from './stream-registry.ts';
import { UNCERTAINTY } from './timed-stream.ts';

export interface ArrivalShape {
  instrument: string;
  stream: string;
  columns: ColumnInfo[];
  /** The same source streamed until then: what lies between is a gap. */
  after?: { endNs: bigint; reason: string } | undefined;
}

export interface ArrivalLimits {
  maxRows: number;
  maxMs: number;
}

const DEFAULT_LIMITS: ArrivalLimits = { maxRows: 8192, maxMs: 16 };

/**
 * The open batch of a device that sends rows when it likes (lines of a microcontroller): Float64, a time each, and behind the channels how
 * sure the time is. Times never go back: a row that would is set 1 ns after the one before.
 */
export class ArrivalStream implements Disposable {
  readonly info: StreamInfo;
  /** Nothing is known of the device's clock. */
  readonly driftPpm = Number.NaN;
  readonly #registry: StreamRegistry;
  readonly #sink: SampleSink;
  readonly #clock: Clock;
  readonly #limits: ArrivalLimits;
  readonly #columns: Float64Array<ArrayBuffer>[];
  readonly #times: BigInt64Array;
  #rows = 0;
  #seq = 0;
  #lastNs: bigint | undefined;
  #arrivedNs = 0n;
  #pendingLost = 0;
  #isAfterGap = false;
  readonly #sleeps: SleepWatch;
  #after: ArrivalShape['after'];
  #timer: Disposable | undefined;

  constructor(
    place: { registry: StreamRegistry; sink: SampleSink; clock: Clock },
    shape: ArrivalShape,
    limits: ArrivalLimits = DEFAULT_LIMITS,
  ) {
    this.#registry = place.registry;
    this.#sink = place.sink;
    this.#clock = place.clock;
    this.#limits = limits;
    this.#sleeps = new SleepWatch(place.clock);
    this.#columns = Array.from({ length: shape.columns.length + 1 }, () => new Float64Array(limits.maxRows));
    this.#times = new BigInt64Array(limits.maxRows);
    this.#after = shape.after;
    this.info = place.registry.open({
      instrument: shape.instrument,
      stream: shape.stream,
      columns: [...shape.columns, UNCERTAINTY],
      kind: 'timed',
      rateHz: 0,
    });
  }

  /** Time of its last row; undefined before the first. */
  get endNs(): bigint | undefined {
    return this.#lastNs;
  }

  /** `piece.timesS`: seconds of each row against the arrival; absent: all arrived now. */
  add(piece: StreamRows): void {
    const sleep = this.#sleeps.take();
    if (sleep && this.#lastNs !== undefined && piece.rows > 0) {
      const firstNs = piece.arrivedNs + BigInt(Math.round((piece.timesS?.[0] ?? 0) * 1e9));
      const toNs = firstNs > this.#lastNs ? firstNs : this.#lastNs + 1n;
      this.gap({ fromNs: this.#lastNs, toNs, lost: 0, reason: sleepReason(sleep) });
    }
    if (piece.lost > 0) this.#lose(piece.lost, piece.arrivedNs);
    for (let row = 0; row < piece.rows; row++) {
      if (this.#rows === this.#limits.maxRows) this.flush();
      const offset = piece.timesS?.[row] ?? 0;
      this.#put(piece, row, piece.arrivedNs + BigInt(Math.round(offset * 1e9)));
    }
    this.#arrivedNs = piece.arrivedNs;
    if (this.#rows > 0) this.#timer ??= this.#clock.after(this.#limits.maxMs, () => this.flush());
  }

  /** Nothing is known of that time, `lost` rows if the source said so; the line is not joined across it. */
  gap({ fromNs, toNs, lost, reason }: { fromNs: bigint; toNs: bigint; lost: number; reason: string }): void {
    this.flush();
    this.#seq += lost;
    this.#pendingLost += lost;
    this.#isAfterGap = true;
    this.#sink.gap({ stream: this.info.id, seq: this.#seq, fromNs, toNs, lost, reason });
  }

  flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const rows = this.#rows;
    const t0Ns = this.#times[0];
    if (rows === 0 || t0Ns === undefined) return;
    const batch = createBatch({
      stream: this.info.id,
      rows,
      channels: this.#columns.length,
      flags: BATCH_FLAG.float64 | BATCH_FLAG.timed | (this.#isAfterGap || this.#pendingLost > 0 ? BATCH_FLAG.gap : 0),
      seq: this.#seq,
      lost: this.#pendingLost,
      t0Ns,
      arrivedNs: this.#arrivedNs,
      dtS: 0,
      xOriginS: 0,
    });
    for (let row = 0; row < rows; row++)
      if (batch.times) batch.times[row] = Number((this.#times[row] ?? t0Ns) - t0Ns) / 1e9;
    for (const [index, column] of this.#columns.entries()) batch.columns[index]?.set(column.subarray(0, rows));
    this.#seq += rows;
    this.#rows = 0;
    this.#pendingLost = 0;
    this.#isAfterGap = false;
    this.#sink.batch(batch);
  }

  [Symbol.dispose](): void {
    this.flush();
    this.#registry.close(this.info);
  }

  #put(piece: StreamRows, row: number, wantedNs: bigint): void {
    const timeNs = this.#lastNs !== undefined && wantedNs <= this.#lastNs ? this.#lastNs + 1n : wantedNs;
    if (this.#after) this.#announcePause(this.#after, timeNs);
    for (const [index, column] of this.#columns.entries()) {
      column[this.#rows] =
        index < piece.columns.length ? (piece.columns[index]?.[row] ?? Number.NaN) : (piece.uncertaintyS ?? 0);
    }
    this.#times[this.#rows] = timeNs;
    this.#lastNs = timeNs;
    this.#rows++;
  }

  #announcePause({ endNs, reason }: { endNs: bigint; reason: string }, toNs: bigint): void {
    this.#after = undefined;
    this.#isAfterGap = true;
    this.#sink.gap({ stream: this.info.id, seq: this.#seq, fromNs: endNs, toNs, lost: 0, reason });
  }

  #lose(lost: number, arrivedNs: bigint): void {
    this.flush();
    const fromNs = this.#lastNs ?? arrivedNs;
    this.#seq += lost;
    this.#pendingLost += lost;
    const reason = `the device dropped ${lost} rows`;
    this.#sink.gap({ stream: this.info.id, seq: this.#seq, fromNs, toNs: arrivedNs, lost, reason });
  }
}
