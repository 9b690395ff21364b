import type { Batch } from '../../core/batch.ts';
import { BATCH_FLAG } from '../../core/batch.ts';
import type { StreamChunk } from '../recording/recording.ts';
import type { RecordedStream } from '../recording/recording-info.ts';
import type { ChunkSource } from './chunk-source.ts';

/** Rows in [from, to); ns since 1970. */
export interface TimeRange {
  fromNs?: bigint | undefined;
  toNs?: bigint | undefined;
}

/**
 * What times count from while an export runs: whole ns as doubles, exact for 104 days. It moves with the rows (`StreamCursor.rebase`), so
 * times stay exact however long the recording is.
 */
export interface TimeBase {
  ns: bigint;
}

/** Rows of one stream in order, batch by batch, those of a time range only. One batch list of one chunk is in memory. */
export class StreamCursor {
  readonly stream: RecordedStream;
  readonly #source: ChunkSource;
  readonly #chunks: readonly StreamChunk[];
  readonly #base: TimeBase;
  readonly #range: TimeRange;
  #nextChunk = 0;
  #batches: Batch[] = [];
  #nextBatch = 0;
  #endSeq = -1;
  #lastNs = Number.NEGATIVE_INFINITY;
  #times = new Float64Array(1024);
  /** Undefined after the last. */
  batch: Batch | undefined;
  /** The row it stands on, and the end of the rows wanted of this batch. */
  row = 0;
  end = 0;
  /** Rows are missing before the first wanted row of this batch, or time starts anew there. */
  isAfterGap = false;

  constructor(
    source: ChunkSource,
    stream: RecordedStream,
    chunks: readonly StreamChunk[],
    base: TimeBase,
    range: TimeRange = {},
  ) {
    this.stream = stream;
    this.#source = source;
    this.#chunks = chunks;
    this.#base = base;
    this.#range = range;
    source.announce(stream.info.id);
  }

  /** Times of all rows of the batch: whole ns since the base. Good until the next `load` or `rebase`. */
  get times(): Float64Array {
    return this.#times;
  }

  /** Of the row it stands on; Infinity after the last. */
  get timeNs(): number {
    return this.batch === undefined ? Number.POSITIVE_INFINITY : (this.#times[this.row] as number);
  }

  /** Goes to the next batch with rows wanted; false after the last. */
  async load(): Promise<boolean> {
    if (this.batch) {
      this.#endSeq = this.batch.seq + this.batch.rows;
      this.#lastNs = this.#times[this.batch.rows - 1] as number;
    }
    for (;;) {
      const batch = this.#batches[this.#nextBatch++];
      if (!batch) {
        const at = this.#chunks[this.#nextChunk++];
        if (!at) break;
        this.#batches = await this.#source.take(at);
        this.#nextBatch = 0;
      } else if (batch.rows > 0 && this.#take(batch)) return true;
    }
    this.#batches = [];
    this.batch = undefined;
    return false;
  }

  /** The base has moved by so many ns. */
  rebase(shiftNs: number): void {
    this.#lastNs -= shiftNs;
    // From the batch, not by subtraction: a time far ahead of the old base was not exact.
    if (this.batch) this.#layTimes(this.batch);
  }

  #take(batch: Batch): boolean {
    this.#layTimes(batch);
    const times = this.#times;
    const { fromNs, toNs } = this.#range;
    let row = 0;
    let end = batch.rows;
    if (fromNs !== undefined) {
      const from = Number(fromNs - this.#base.ns);
      while (row < end && (times[row] as number) < from) row++;
    }
    if (toNs !== undefined) {
      const to = Number(toNs - this.#base.ns);
      while (end > row && (times[end - 1] as number) >= to) end--;
    }
    if (row >= end) {
      this.#endSeq = batch.seq + batch.rows;
      this.#lastNs = times[batch.rows - 1] as number;
      return false;
    }
    const anew = BATCH_FLAG.gap | BATCH_FLAG.firstOfSegment;
    const isApart = batch.seq !== this.#endSeq || batch.lost > 0 || (batch.flags & anew) !== 0;
    this.isAfterGap = row === 0 && (isApart || (times[0] as number) <= this.#lastNs);
    this.batch = batch;
    this.row = row;
    this.end = end;
    return true;
  }

  #layTimes(batch: Batch): void {
    if (this.#times.length < batch.rows) this.#times = new Float64Array(batch.rows);
    const times = this.#times;
    const start = Number(batch.t0Ns - this.#base.ns);
    const { times: seconds, xOriginS, dtS, rows } = batch;
    if (seconds) for (let row = 0; row < rows; row++) times[row] = start + Math.round((seconds[row] as number) * 1e9);
    else for (let row = 0; row < rows; row++) times[row] = start + Math.round((xOriginS + row * dtS) * 1e9);
  }
}
