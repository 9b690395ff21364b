import { BATCH_FLAG, createBatch } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { FedRecorder } from '../export/fed-recorder.ts';

const MOST_ROWS = 8192;
const MOST_VALUES = 131_072;
/** Seconds from the first row are exact to the ns for much longer; a batch is no longer than a person waits for. */
const MOST_SPAN_NS = 1000n * 1_000_000_000n;

/** A stream of rows with a time each, gathered into batches. Rows that come out of order are put in order within a batch. */
export class TimedRows {
  readonly info: StreamInfo;
  readonly #fed: FedRecorder;
  readonly #capacity: number;
  #times: bigint[] = [];
  #values: Float64Array[] = [];
  #isSorted = true;
  #seq = 0;
  #lastNs: bigint | undefined;
  /** Rows older than a batch before them. */
  late = 0;

  constructor(fed: FedRecorder, info: StreamInfo) {
    this.info = info;
    this.#fed = fed;
    this.#capacity = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_VALUES / Math.max(1, info.columns.length))));
    fed.recorder.streamOpened(info);
  }

  get rows(): number {
    return this.#seq + this.#times.length;
  }

  /** Takes over the values: one a column. True: a batch was given, wait for room. */
  add(timeNs: bigint, values: Float64Array): boolean {
    const first = this.#times[0];
    const last = this.#times[this.#times.length - 1];
    let isGiven = false;
    if (first !== undefined && (timeNs - first > MOST_SPAN_NS || first - timeNs > MOST_SPAN_NS)) {
      this.flush();
      isGiven = true;
    } else if (last !== undefined && timeNs < last) this.#isSorted = false;
    this.#times.push(timeNs);
    this.#values.push(values);
    if (this.#times.length < this.#capacity) return isGiven;
    this.flush();
    return true;
  }

  flush(): void {
    const rows = this.#times.length;
    if (rows === 0) return;
    const order = this.#times.map((_, row) => row);
    const timeOf = (row: number): bigint => this.#times[row] as bigint;
    if (!this.#isSorted) order.sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : timeOf(a) > timeOf(b) ? 1 : a - b));
    const t0Ns = timeOf(order[0] as number);
    const isBack = this.#lastNs !== undefined && t0Ns < this.#lastNs;
    if (isBack) for (const time of this.#times) if (this.#lastNs !== undefined && time < this.#lastNs) this.late++;
    const batch = createBatch({
      stream: this.info.id,
      rows,
      channels: this.info.columns.length,
      // Time begins anew where it goes back.
      flags: BATCH_FLAG.float64 | BATCH_FLAG.timed | (isBack ? BATCH_FLAG.gap : 0),
      seq: this.#seq,
      lost: 0,
      t0Ns,
      arrivedNs: t0Ns,
      dtS: 0,
      xOriginS: 0,
    });
    for (const [to, from] of order.entries()) {
      if (batch.times) batch.times[to] = Number(timeOf(from) - t0Ns) / 1e9;
      const values = this.#values[from] as Float64Array;
      for (const [column, target] of batch.columns.entries()) target[to] = values[column] as number;
    }
    this.#lastNs = timeOf(order[rows - 1] as number);
    this.#fed.timeNs = this.#lastNs;
    this.#fed.recorder.batch(batch);
    this.#seq += rows;
    this.#times = [];
    this.#values = [];
    this.#isSorted = true;
  }
}
