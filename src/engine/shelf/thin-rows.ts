import { BATCH_FLAG, type Batch, createBatch, rowTimeNs } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { measuredColumns } from '../../core/stream-info.ts';

/** Rows in a batch of thinned ones. */
const BATCH_ROWS = 4096;

/** What remains of a stream: mean under the name of the channel, and beside it `….min` and `….max`. */
export function thinnedStream(info: StreamInfo, intervalS: number): StreamInfo {
  return {
    ...info,
    key: `${info.key}/thin-${intervalS}s`,
    kind: 'timed',
    columns: measuredColumns(info).flatMap(({ channel, unit }) => [
      { channel, unit },
      { channel: `${channel}.min`, unit },
      { channel: `${channel}.max`, unit },
    ]),
    rateHz: Math.min(info.rateHz, 1 / intervalS),
  };
}

/**
 * Rows of one stream, an interval at a time: one row at the beginning of each interval (multiples of it since 1970) that held any. Missing samples count for nothing; an interval with nothing but
 * missing ones is missing; one with overload has it as its extreme and as its mean.
 */
export class RowThinner {
  readonly #stream: number;
  readonly #intervalNs: bigint;
  readonly #indices: number[];
  readonly #sums: Float64Array;
  readonly #counts: Float64Array;
  readonly #min: Float64Array;
  readonly #max: Float64Array;
  #beginNs: bigint | undefined;
  #arrivedNs = 0n;
  #isAfterGap = false;
  #rows: { tNs: bigint; values: number[]; isAfterGap: boolean }[] = [];
  #seq = 0;

  constructor(info: StreamInfo, intervalS: number) {
    this.#stream = info.id;
    this.#intervalNs = BigInt(Math.round(intervalS * 1e9));
    const measured = new Set(measuredColumns(info));
    this.#indices = info.columns.flatMap((column, index) => (measured.has(column) ? [index] : []));
    const width = this.#indices.length;
    this.#sums = new Float64Array(width);
    this.#counts = new Float64Array(width);
    this.#min = new Float64Array(width);
    this.#max = new Float64Array(width);
  }

  /** Batches that are full. */
  *add(batch: Batch): Generator<Batch> {
    this.#isAfterGap ||= (batch.flags & BATCH_FLAG.gap) !== 0;
    this.#arrivedNs = batch.arrivedNs;
    for (let row = 0; row < batch.rows; row++) {
      const timeNs = rowTimeNs(batch, row);
      const past = ((timeNs % this.#intervalNs) + this.#intervalNs) % this.#intervalNs;
      const beginNs = timeNs - past;
      if (beginNs !== this.#beginNs) {
        this.#close();
        this.#begin(beginNs);
        if (this.#rows.length >= BATCH_ROWS) yield this.#take();
      }
      this.#take1(batch, row);
    }
  }

  /** What is left. */
  *end(): Generator<Batch> {
    this.#close();
    this.#beginNs = undefined;
    if (this.#rows.length > 0) yield this.#take();
  }

  #begin(beginNs: bigint): void {
    this.#beginNs = beginNs;
    this.#sums.fill(0);
    this.#counts.fill(0);
    this.#min.fill(Number.NaN);
    this.#max.fill(Number.NaN);
  }

  #take1(batch: Batch, row: number): void {
    for (const [at, index] of this.#indices.entries()) {
      const value = batch.columns[index]?.[row] ?? Number.NaN;
      if (Number.isNaN(value)) continue;
      this.#sums[at] = (this.#sums[at] as number) + value;
      const count = (this.#counts[at] as number) + 1;
      this.#counts[at] = count;
      if (count === 1 || value < (this.#min[at] as number)) this.#min[at] = value;
      if (count === 1 || value > (this.#max[at] as number)) this.#max[at] = value;
    }
  }

  #close(): void {
    if (this.#beginNs === undefined) return;
    const values: number[] = [];
    for (let at = 0; at < this.#indices.length; at++) {
      const count = this.#counts[at] as number;
      values.push(
        count > 0 ? (this.#sums[at] as number) / count : Number.NaN,
        this.#min[at] as number,
        this.#max[at] as number,
      );
    }
    this.#rows.push({ tNs: this.#beginNs, values, isAfterGap: this.#isAfterGap });
    this.#isAfterGap = false;
  }

  #take(): Batch {
    const rows = this.#rows;
    this.#rows = [];
    const t0Ns = rows[0]?.tNs ?? 0n;
    const isAfterGap = rows.some((row) => row.isAfterGap);
    const batch = createBatch({
      stream: this.#stream,
      rows: rows.length,
      channels: this.#indices.length * 3,
      flags: BATCH_FLAG.timed | BATCH_FLAG.float64 | (isAfterGap ? BATCH_FLAG.gap : 0),
      seq: this.#seq,
      lost: 0,
      t0Ns,
      arrivedNs: this.#arrivedNs,
      dtS: 0,
      xOriginS: 0,
    });
    this.#seq += rows.length;
    for (const [row, { tNs, values }] of rows.entries()) {
      if (batch.times) batch.times[row] = Number(tNs - t0Ns) / 1e9;
      for (const [column, value] of values.entries()) {
        const to = batch.columns[column];
        if (to) to[row] = value;
      }
    }
    return batch;
  }
}
