import { BATCH_FLAG, createBatch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import type { ColumnInfo, StreamInfo } from '../../core/stream-info.ts';
import type { StreamRows } from '../driver/driver.ts';
import type { SampleSink } from '../sample-sink.ts';
import { SleepWatch, sleepReason } from './sleep-watch.ts';
import type { StreamRegistry } from './stream-registry.ts';

export interface RegularShape {
  instrument: string;
  stream: string;
  columns: ColumnInfo[];
  rateHz: number;
  float64: boolean;
  /** The same source streamed until then: what lies between is a gap. */
  after?: { endNs: bigint; reason: string } | undefined;
}

export interface RegularLimits {
  maxRows: number;
  maxMs: number;
  /** After a gap the time is anchored anew when it is off by more than this; ms. */
  anchorMs: number;
}

const DEFAULT_LIMITS: RegularLimits = { maxRows: 8192, maxMs: 16, anchorMs: 100 };

/**
 * The open batch of a device that streams at a fixed rate. Time counts by dt from the first arrival (the last row of the first piece
 * arrived just now) and is anchored anew only after a gap or a sleep of the system, never before the row that came last; how far the device's clock has drifted from ours since is `driftPpm`.
 * Memory: two batches' worth of columns; rows are copied once from the driver's scratch and once into the batch.
 */
export class RegularStream implements Disposable {
  readonly info: StreamInfo;
  readonly #registry: StreamRegistry;
  readonly #sink: SampleSink;
  readonly #clock: Clock;
  readonly #limits: RegularLimits;
  readonly #open: (Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>)[];
  readonly #float64: boolean;
  readonly #dtS: number;
  #rows = 0;
  #seq = 0;
  #pendingLost = 0;
  #after: RegularShape['after'];
  #isAfterGap = false;
  readonly #sleeps: SleepWatch;
  #anchorRow = 0;
  #anchorNs: bigint | undefined;
  #arrivedNs = 0n;
  #timer: Disposable | undefined;

  constructor(
    place: { registry: StreamRegistry; sink: SampleSink; clock: Clock },
    shape: RegularShape,
    limits: RegularLimits = DEFAULT_LIMITS,
  ) {
    this.#registry = place.registry;
    this.#sink = place.sink;
    this.#clock = place.clock;
    this.#limits = limits;
    this.#sleeps = new SleepWatch(place.clock);
    this.#float64 = shape.float64;
    this.#dtS = 1 / shape.rateHz;
    this.#open = shape.columns.map(() =>
      shape.float64 ? new Float64Array(limits.maxRows) : new Float32Array(limits.maxRows),
    );
    this.#after = shape.after;
    this.info = place.registry.open({ ...shape, kind: 'regular' });
  }

  /** Time after its last row; undefined before the first. */
  get endNs(): bigint | undefined {
    return this.#anchorNs === undefined ? undefined : this.#timeOf(this.#seq + this.#rows);
  }

  /** Drift of the device's clock against the engine's since the anchor; NaN in the first 10 s. */
  get driftPpm(): number {
    if (this.#anchorNs === undefined) return Number.NaN;
    const counted = (this.#seq + this.#rows - this.#anchorRow) * this.#dtS;
    const elapsed = Number(this.#arrivedNs - this.#anchorNs) / 1e9;
    return elapsed < 10 ? Number.NaN : ((elapsed - counted) / elapsed) * 1e6;
  }

  add(piece: StreamRows): void {
    const sleep = this.#sleeps.take();
    if (sleep && this.#anchorNs !== undefined) this.#wake(piece, sleepReason(sleep, lostText(piece)));
    else if (piece.lost > 0) {
      this.#arrivedNs = piece.arrivedNs;
      this.#lose(piece);
    }
    this.#arrivedNs = piece.arrivedNs;
    this.#anchorNs ??= piece.arrivedNs - BigInt(Math.round(piece.rows * this.#dtS * 1e9));
    if (this.#after && piece.rows > 0) this.#announcePause(this.#after);
    let done = 0;
    while (done < piece.rows) {
      const take = Math.min(piece.rows - done, this.#limits.maxRows - this.#rows);
      for (let channel = 0; channel < this.#open.length; channel++) {
        const from = piece.columns[channel];
        if (from) this.#open[channel]?.set(from.subarray(done, done + take), this.#rows);
      }
      this.#rows += take;
      done += take;
      if (this.#rows === this.#limits.maxRows) this.flush();
    }
    if (this.#rows > 0) this.#timer ??= this.#clock.after(this.#limits.maxMs, () => this.flush());
  }

  flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#rows === 0) return;
    const batch = createBatch({
      stream: this.info.id,
      rows: this.#rows,
      channels: this.#open.length,
      flags:
        (this.#float64 ? BATCH_FLAG.float64 : 0) | (this.#pendingLost > 0 || this.#isAfterGap ? BATCH_FLAG.gap : 0),
      seq: this.#seq,
      lost: this.#pendingLost,
      t0Ns: this.#timeOf(this.#seq),
      arrivedNs: this.#arrivedNs,
      dtS: this.#dtS,
      xOriginS: 0,
    });
    for (let channel = 0; channel < this.#open.length; channel++) {
      const from = this.#open[channel];
      if (from) batch.columns[channel]?.set(from.subarray(0, this.#rows));
    }
    this.#seq += this.#rows;
    this.#rows = 0;
    this.#pendingLost = 0;
    this.#isAfterGap = false;
    this.#sink.batch(batch);
  }

  [Symbol.dispose](): void {
    this.flush();
    this.#registry.close(this.info);
  }

  #announcePause({ endNs, reason }: { endNs: bigint; reason: string }): void {
    this.#after = undefined;
    this.#isAfterGap = true;
    const startNs = this.#timeOf(this.#seq);
    // A fast device clock was counted ahead of ours: then the stream before ended after this one begins.
    const toNs = startNs > endNs ? startNs : endNs;
    this.#sink.gap({ stream: this.info.id, seq: this.#seq, fromNs: endNs, toNs, lost: 0, reason });
  }

  #lose(piece: StreamRows): void {
    this.flush();
    const fromNs = this.#timeOf(this.#seq);
    this.#seq += piece.lost;
    this.#pendingLost += piece.lost;
    const predicted = this.#timeOf(this.#seq + piece.rows);
    const offMs = Math.abs(Number(piece.arrivedNs - predicted)) / 1e6;
    if (offMs > this.#limits.anchorMs) this.#anchorAnew(piece, fromNs);
    const toNs = this.#timeOf(this.#seq);
    const reason = lostText(piece) ?? '';
    this.#sink.gap({ stream: this.info.id, seq: this.#seq, fromNs, toNs, lost: piece.lost, reason });
  }

  /** Nobody knows what the device did meanwhile: its time begins anew. */
  #wake(piece: StreamRows, reason: string): void {
    this.flush();
    const fromNs = this.#timeOf(this.#seq);
    this.#seq += piece.lost;
    this.#pendingLost += piece.lost;
    this.#isAfterGap = true;
    this.#anchorAnew(piece, fromNs);
    const toNs = this.#timeOf(this.#seq);
    this.#sink.gap({ stream: this.info.id, seq: this.#seq, fromNs, toNs, lost: piece.lost, reason });
  }

  /** The first row of the piece is the anchor, never before `endNs`: a fast device clock was counted ahead of ours, and rows are in order of time. */
  #anchorAnew(piece: StreamRows, endNs: bigint): void {
    const firstNs = piece.arrivedNs - BigInt(Math.round(piece.rows * this.#dtS * 1e9));
    this.#anchorRow = this.#seq;
    this.#anchorNs = firstNs > endNs ? firstNs : endNs;
  }

  #timeOf(row: number): bigint {
    const anchor = this.#anchorNs ?? this.#arrivedNs;
    return anchor + BigInt(Math.round((row - this.#anchorRow) * this.#dtS * 1e9));
  }
}

function lostText({ lost }: StreamRows): string | undefined {
  return lost > 0 ? `the device dropped ${lost} rows` : undefined;
}
