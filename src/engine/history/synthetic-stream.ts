import { BATCH_FLAG, type Batch, createBatch } from '../../core/batch.ts';
import { type SeededRandom, seededRandom } from '../../core/seeded-random.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { SampleSink } from '../sample-sink.ts';

export interface SyntheticOptions {
  id: number;
  channels?: number;
  rateHz?: number;
  kind?: 'regular' | 'timed';
  isFloat64?: boolean;
  t0Ns?: bigint;
  seed?: number;
  instrument?: string;
  /** Numbers only: nothing missing, no overload. */
  isPlain?: boolean;
}

/**
 * A stream made up for tests and benchmarks of the sample path: seeded noise with missing values, overload and gaps, on a time axis of its own.
 * It keeps every row it gave, so that what comes out elsewhere can be compared with it.
 */
export class SyntheticStream {
  readonly info: StreamInfo;
  /** Batches as they were given; rows are made of them when somebody asks, and many tests never do. */
  readonly #given: { seq: number; t0Ns: bigint; columns: ArrayLike<number>[]; rows: number }[] = [];
  readonly #rows = new Map<number, number[]>();
  /** So many of them are in `#rows`. */
  #kept = 0;
  /** Rows before which something is missing. */
  readonly gapRows = new Set<number>();
  seq = 0;
  readonly #random: SeededRandom;
  readonly #flags: number;
  readonly #isPlain: boolean;
  #anchorNs: bigint;
  #anchorRow = 0;

  constructor(options: SyntheticOptions) {
    const { id, channels = 2, rateHz = 1000, kind = 'regular', instrument = 'daq' } = options;
    const names = Array.from({ length: channels }, (_, index) => ({ channel: `ch${index + 1}`, unit: 'V' }));
    this.info = { id, key: `${instrument}/main`, instrument, epoch: 1000 + id, kind, columns: names, rateHz };
    this.#random = seededRandom(options.seed ?? id);
    this.#isPlain = options.isPlain ?? false;
    this.#anchorNs = options.t0Ns ?? 1_700_000_000_000_000_000n;
    this.#flags = (kind === 'timed' ? BATCH_FLAG.timed : 0) | (options.isFloat64 ? BATCH_FLAG.float64 : 0);
  }

  /** The values of every row given, by its number. */
  get rows(): ReadonlyMap<number, number[]> {
    for (const { seq, columns, rows } of this.#given.slice(this.#kept))
      for (let row = 0; row < rows; row++)
        this.#rows.set(
          seq + row,
          columns.map((column) => column[row] as number),
        );
    this.#kept = this.#given.length;
    return this.#rows;
  }

  /** Time of a row that was given; ns since 1970. */
  timeNs(row: number): bigint {
    let [low, high] = [0, this.#given.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#given[middle]?.seq ?? 0) <= row) low = middle;
      else high = middle;
    }
    const given = this.#given[low];
    if (!given || row < given.seq || row >= given.seq + given.rows) throw new Error(`row ${row} was never given`);
    return given.t0Ns + BigInt(Math.round((row - given.seq) * (1 / this.info.rateHz) * 1e9));
  }

  /** Time of the next row. */
  get nowNs(): bigint {
    return this.#anchorNs + BigInt(Math.round(((this.seq - this.#anchorRow) / this.info.rateHz) * 1e9));
  }

  /** Leaves rows out, and lets time pass without rows. */
  gap(lostRows: number, silentS: number): void {
    const nextNs = this.nowNs + BigInt(Math.round((lostRows / this.info.rateHz + silentS) * 1e9));
    this.seq += lostRows;
    this.#anchorNs = nextNs;
    this.#anchorRow = this.seq;
    this.gapRows.add(this.seq);
  }

  /** The next rows as a batch. */
  batch(rows: number): Batch {
    const isGap = this.gapRows.has(this.seq);
    const t0Ns = this.nowNs;
    const dtS = 1 / this.info.rateHz;
    const isTimed = this.info.kind === 'timed';
    const batch = createBatch({
      stream: this.info.id,
      rows,
      channels: this.info.columns.length,
      flags: this.#flags | (isGap ? BATCH_FLAG.gap : 0),
      seq: this.seq,
      lost: 0,
      t0Ns,
      arrivedNs: t0Ns + BigInt(Math.round(rows * dtS * 1e9)),
      dtS: isTimed ? 0 : dtS,
      xOriginS: 0,
    });
    for (let row = 0; row < rows; row++) {
      for (const column of batch.columns) column[row] = this.#value();
      if (batch.times) batch.times[row] = row * dtS;
    }
    this.#given.push({ seq: this.seq, t0Ns, columns: batch.columns.map((column) => column.slice()), rows });
    this.seq += rows;
    return batch;
  }

  /** Sends rows in batches of random size, with a gap now and then. */
  feed(sink: SampleSink, rows: number, gapChance = 0): void {
    for (let left = rows; left > 0; ) {
      if (gapChance > 0 && this.#random.next() < gapChance) this.gap(this.#random.below(50), this.#random.next() * 0.1);
      const count = Math.min(left, 1 + this.#random.below(this.#random.below(5) === 0 ? 3000 : 100));
      sink.batch(this.batch(count));
      left -= count;
    }
  }

  #value(): number {
    const kind = this.#random.below(200);
    if (this.#isPlain) return this.#random.normal();
    if (kind === 0) return Number.NaN;
    if (kind === 1) return Number.POSITIVE_INFINITY;
    return this.#random.normal();
  }
}
