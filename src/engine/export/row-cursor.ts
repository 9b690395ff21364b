import type { Batch } from '../../core/batch.ts';
import type { Recording, StreamChunk } from '../recording/recording.ts';
import type { RecordedStream } from '../recording/recording-info.ts';

/** Rows of one stream in order, with one chunk of it in memory. Times are whole ns since a base, as numbers (exact for 104 days). */
export class RowCursor {
  readonly stream: RecordedStream;
  readonly #recording: Recording;
  readonly #chunks: StreamChunk[];
  readonly #baseNs: bigint;
  #nextChunk = 0;
  #batches: Batch[] = [];
  #nextBatch = 0;
  #batch: Batch | undefined;
  #row = 0;
  #startNs = 0;
  /** Of the present row; Infinity after the last. */
  timeNs = Number.POSITIVE_INFINITY;

  constructor(recording: Recording, stream: RecordedStream, baseNs: bigint, fromNs?: bigint, toNs?: bigint) {
    this.stream = stream;
    this.#recording = recording;
    this.#baseNs = baseNs;
    // The rows of a segment lie around its trigger, which is all the index knows.
    const isSegment = stream.info.kind === 'segment';
    this.#chunks = isSegment ? recording.chunksOf(stream.info.id) : recording.chunksOf(stream.info.id, fromNs, toNs);
  }

  /** The batch and row the cursor stands on; undefined after the last. */
  get batch(): Batch | undefined {
    return this.#batch;
  }

  get row(): number {
    return this.#row;
  }

  /** Goes to the next row; false if that needs a batch not yet read: then `load`. */
  advance(): boolean {
    const batch = this.#batch;
    if (!batch) return true;
    this.#row++;
    if (this.#row >= batch.rows) return this.#takeBatch();
    this.timeNs = this.#timeOf(batch, this.#row);
    return true;
  }

  /** Reads the next chunk with rows of the stream; at the end `timeNs` is Infinity. */
  async load(): Promise<void> {
    while (this.#nextChunk < this.#chunks.length) {
      const at = this.#chunks[this.#nextChunk++];
      this.#batches = at ? await this.#recording.batchesIn(at) : [];
      this.#nextBatch = 0;
      if (this.#takeBatch()) return;
    }
    this.#batch = undefined;
    this.timeNs = Number.POSITIVE_INFINITY;
  }

  #takeBatch(): boolean {
    for (;;) {
      const batch = this.#batches[this.#nextBatch++];
      if (!batch) return false;
      if (batch.rows === 0) continue;
      this.#batch = batch;
      this.#row = 0;
      this.#startNs = Number(batch.t0Ns - this.#baseNs);
      this.timeNs = this.#timeOf(batch, 0);
      return true;
    }
  }

  #timeOf(batch: Batch, row: number): number {
    const seconds = batch.times ? (batch.times[row] ?? 0) : batch.xOriginS + row * batch.dtS;
    return this.#startNs + Math.round(seconds * 1e9);
  }
}
