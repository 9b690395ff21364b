import { BATCH_FLAG, type Batch, rowTimeNs } from '../../core/batch.ts';
import type { Recording } from '../recording/recording.ts';
import type { RecordedGap, RecordedStream } from '../recording/recording-info.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';
import type { ChunkSource } from './chunk-source.ts';
import { cutBatch, rowsUntil, segmentEndNs } from './cut-batch.ts';
import { type TrackChunk, TrackChunks } from './track-chunks.ts';

/**
 * One stream of a recording as it plays: a cursor over its rows. Chunks are read ahead of it (`readNext`), rows are given up to a time (`give`),
 * each once and in order. Its numbers are those of the recording.
 *
 *     chunks  ▓▓▓▓▓▓▓▓▓▓▓▓ given ▓▓▓▓▓│░░░ queue ░░░│ not read yet
 *                                     at            nextNs
 */
export class RecordedTrack {
  readonly stream: RecordedStream;
  readonly #chunks: TrackChunks;
  readonly #gaps: readonly RecordedGap[];
  /** End of the recording: a waveform is complete at the latest then. */
  readonly #endNs: bigint;
  /** Chunk to be read next. */
  #at = 0;
  #next: TrackChunk | undefined;
  #queue: Batch[] = [];
  #row = 0;
  #queueBytes = 0;
  #headNs: bigint | undefined;
  #nextGap = 0;
  /** Row after the last given and its time; undefined before the first. */
  #given: { endRow: number; endNs: bigint } | undefined;

  constructor(recording: Recording, stream: RecordedStream) {
    this.stream = stream;
    const { key, epoch, id } = stream.info;
    this.#chunks = new TrackChunks(recording, id);
    this.#next = this.#chunks.at(0);
    this.#gaps = recording.info.gaps
      .filter((gap) => gap.stream === key && gap.epoch === epoch && gap.seq > 0)
      .sort((a, b) => a.seq - b.seq);
    this.#endNs = recording.info.toNs;
  }

  get isSegment(): boolean {
    return this.stream.info.kind === 'segment';
  }

  /** Rows per second as recorded. */
  get rateHz(): number {
    const { rows, firstNs, lastNs } = this.stream;
    return lastNs > firstNs ? ((rows - 1) * 1e9) / Number(lastNs - firstNs) : 0;
  }

  /** Time of its latest row, as far as the chunks say it. */
  get latestNs(): bigint {
    return this.#chunks.latest(this.stream.lastNs);
  }

  /** Bytes read and not given yet. */
  get queueBytes(): number {
    return this.#queueBytes;
  }

  /** Chunk to be read next; undefined at the end. */
  get nextChunk(): TrackChunk | undefined {
    return this.#next;
  }

  /** Time of the first row that is not read; undefined at the end. */
  get nextNs(): bigint | undefined {
    return this.#next?.firstNs;
  }

  /** Time of the next row to be given; undefined if none is read. */
  get headNs(): bigint | undefined {
    return this.#headNs;
  }

  /** Reads the next chunk. @throws LabError what the disk says */
  async readNext(source: ChunkSource): Promise<void> {
    const chunk = this.nextChunk;
    if (!chunk) return;
    const batches = await source.read(chunk, this.stream.info.id);
    this.#next = this.#chunks.at(++this.#at);
    for (const batch of batches) {
      this.#queue.push(batch);
      this.#queueBytes += batch.buffer.byteLength;
    }
    this.#look();
  }

  /** Gives the rows at its head that are not later than a time: at most those of one batch. False if there are none. */
  give(untilNs: bigint, sink: SampleSink): boolean {
    const batch = this.#queue[0];
    if (!batch) return false;
    const from = this.#row;
    const to = this.isSegment ? (this.#endOf(batch) <= untilNs ? batch.rows : from) : rowsUntil(batch, from, untilNs);
    if (to === from) return false;
    if (to === batch.rows) this.#shift(batch);
    else this.#row = to;
    this.#look();
    // A piece of it that was given already is not given twice: parts may overlap.
    const first = Math.max(from, Math.min(to, (this.#given?.endRow ?? 0) - batch.seq));
    if (first === to) return true;
    const piece = first === 0 && to === batch.rows ? { ...batch } : cutBatch(batch, first, to);
    this.#tellGaps(piece, sink);
    this.#given = { endRow: piece.seq + piece.rows, endNs: rowTimeNs(piece, piece.rows - 1) };
    sink.batch(piece);
    return true;
  }

  /** Begins at its first row. */
  rewind(): void {
    this.#from(0);
  }

  /** Nothing more of it. */
  skip(): void {
    this.#from(this.#chunks.length);
  }

  /**
   * Begins at the last row that is not later than a time, so that what holds then is shown; of waveforms at the last trigger. At its first row if all
   * are later. @throws LabError what the disk says
   */
  async seek(source: ChunkSource, atNs: bigint): Promise<void> {
    for (let index = this.#chunks.before(atNs); index >= 0; index--) {
      this.#from(index);
      await this.readNext(source);
      const start = this.#startFor(atNs);
      if (!start) continue;
      const { at, row } = start;
      for (const batch of this.#queue.splice(0, at)) this.#queueBytes -= batch.buffer.byteLength;
      this.#row = row;
      this.#look();
      const first = (this.#queue[0]?.seq ?? 0) + row;
      if (index > 0 || at > 0 || row > 0) this.#nextGap = this.#gaps.findIndex(({ seq }) => seq > first);
      if (this.#nextGap < 0) this.#nextGap = this.#gaps.length;
      return;
    }
    this.rewind();
  }

  /** Time of the first row after, or the last before a time; undefined if there is none. Moves nothing. */
  async neighbour(source: ChunkSource, fromNs: bigint, step: 1 | -1): Promise<bigint | undefined> {
    const start = step > 0 ? Math.max(0, this.#chunks.before(fromNs)) : this.#chunks.before(fromNs - 1n);
    for (let index = start; index >= 0 && index < this.#chunks.length; index += step) {
      const batches = await source.read(this.#chunks.at(index) as TrackChunk, this.stream.info.id);
      for (const batch of step > 0 ? batches : [...batches].reverse()) {
        const found = this.#neighbourIn(batch, fromNs, step);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  #neighbourIn(batch: Batch, fromNs: bigint, step: 1 | -1): bigint | undefined {
    if (this.isSegment) {
      const endNs = this.#endOf(batch);
      return (step > 0 ? endNs > fromNs : endNs < fromNs) ? endNs : undefined;
    }
    const row = step > 0 ? rowsUntil(batch, 0, fromNs) : rowsUntil(batch, 0, fromNs - 1n) - 1;
    return row >= 0 && row < batch.rows ? rowTimeNs(batch, row) : undefined;
  }

  /** Where in the queue to begin; undefined: in an earlier chunk. */
  #startFor(atNs: bigint): { at: number; row: number } | undefined {
    if (this.isSegment) {
      const at = this.#queue.findLastIndex(({ t0Ns, flags }) => t0Ns <= atNs && flags & BATCH_FLAG.firstOfSegment);
      return at < 0 ? undefined : { at, row: 0 };
    }
    // The row before the first that is later.
    let start: { at: number; row: number } | undefined;
    for (const [at, batch] of this.#queue.entries()) {
      const rows = rowsUntil(batch, 0, atNs);
      if (rows > 0) start = { at, row: rows - 1 };
      if (rows < batch.rows) break;
    }
    return start;
  }

  #from(chunk: number): void {
    this.#at = chunk;
    this.#next = this.#chunks.at(chunk);
    this.#queue = [];
    this.#row = 0;
    this.#queueBytes = 0;
    this.#headNs = undefined;
    this.#nextGap = 0;
    this.#given = undefined;
  }

  #shift(batch: Batch): void {
    this.#queue.shift();
    this.#queueBytes -= batch.buffer.byteLength;
    this.#row = 0;
  }

  /** Asked for often, it changes seldom. */
  #look(): void {
    const batch = this.#queue[0];
    this.#headNs = batch && (this.isSegment ? this.#endOf(batch) : rowTimeNs(batch, this.#row));
  }

  #endOf(batch: Batch): bigint {
    const endNs = segmentEndNs(batch);
    return endNs < this.#endNs ? endNs : this.#endNs;
  }

  /** Gaps before the piece, as the recording tells them; rows that should be in the file and are not are a gap of the file. */
  #tellGaps(piece: Batch, sink: SampleSink): void {
    const stream = this.stream.info.id;
    const before = this.#given;
    let isTold = false;
    for (let gap = this.#gaps[this.#nextGap]; gap && gap.seq <= piece.seq; gap = this.#gaps[++this.#nextGap]) {
      sink.gap({ ...gapOf(gap), stream });
      isTold ||= gap.seq === piece.seq;
    }
    const missing = before ? piece.seq - before.endRow - piece.lost : 0;
    if (missing <= 0) return;
    piece.flags |= BATCH_FLAG.gap;
    if (isTold) return;
    const reason = `${missing} rows of the recording cannot be read or are not here`;
    sink.gap({
      stream,
      seq: piece.seq,
      fromNs: before?.endNs ?? piece.t0Ns,
      toNs: rowTimeNs(piece, 0),
      lost: missing,
      reason,
    });
  }
}

function gapOf({ seq, fromNs, toNs, lost, reason }: RecordedGap): Omit<StreamGap, 'stream'> {
  return { seq, fromNs, toNs, lost, reason };
}
