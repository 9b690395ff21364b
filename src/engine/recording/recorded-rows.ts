import type { Batch } from '../../core/batch.ts';
import { BATCH_FLAG, rowTimeNs } from '../../core/batch.ts';
import type { ColumnBlock } from '../../core/decimate.ts';
import { ColumnBuilder } from '../../core/decimate.ts';
import { OpenExtents } from '../../core/extent.ts';
import { lastAtOrBefore } from '../../core/pyramid-level.ts';
import type { Cell } from './digest.ts';
import { cellRows } from './digest.ts';
import type { Recording, StreamChunk } from './recording.ts';
import type { RecordedStream } from './recording-info.ts';

/** Decoded chunks kept for the next question, which is mostly near the last one. */
const CACHED_CHUNKS = 8;

/** One regular or timed stream of a recording, seen by row number: what history keeps in memory, read from the digests and the file. */
export class RecordedRows {
  readonly stream: RecordedStream;
  readonly #recording: Recording;
  readonly #chunks: StreamChunk[];
  readonly #cells: { cell: Cell; chunk: number }[] = [];
  readonly #cache = new Map<number, Promise<Batch[]>>();
  readonly #form: number;

  constructor(recording: Recording, stream: RecordedStream) {
    this.#recording = recording;
    this.stream = stream;
    this.#chunks = recording.chunksOf(stream.info.id).filter(({ digest }) => digest.rows > 0);
    this.#form = this.#chunks[0]?.digest.form ?? 0;
    for (const [chunk, { digest }] of this.#chunks.entries())
      for (const cell of digest.cells) this.#cells.push({ cell, chunk });
  }

  get isFloat64(): boolean {
    return (this.#form & BATCH_FLAG.float64) !== 0;
  }

  get isTimed(): boolean {
    return (this.#form & BATCH_FLAG.timed) !== 0;
  }

  /** Row after the last. */
  get endRow(): number {
    return this.stream.endRow;
  }

  /** First row at or after a time; `endRow` if all are before it. */
  async rowAt(timeNs: bigint): Promise<number> {
    const at = this.#lastCell((cell) => cell.tNs <= timeNs);
    if (!at || at.cell.tNs >= timeNs) return at?.cell.row ?? this.endRow;
    const { cell, chunk } = at;
    const end = cell.row + cell.rows;
    if (!this.isTimed) {
      // A step below a millionth of a row is rounding, not a later row.
      const row = cell.row + Math.ceil(Number(timeNs - cell.tNs) / cell.stepNs - 1e-6);
      return row < end ? row : this.#rowAfter(at.cell);
    }
    for (const batch of await this.#read(chunk)) {
      if (batch.seq + batch.rows <= cell.row) continue;
      for (let row = Math.max(0, cell.row - batch.seq); row < batch.rows && batch.seq + row < end; row++) {
        if (rowTimeNs(batch, row) >= timeNs) return batch.seq + row;
      }
    }
    return this.#rowAfter(cell);
  }

  /** Time of a row, ns since 1970; of one lost, of the first row before it. */
  async timeOf(row: number): Promise<bigint> {
    const at = this.#lastCell((cell) => cell.row <= row);
    if (!at) return this.stream.firstNs;
    const { cell, chunk } = at;
    const within = Math.min(row, cell.row + cell.rows - 1);
    if (!this.isTimed) return cell.tNs + BigInt(Math.round((within - cell.row) * cell.stepNs));
    const batch = (await this.#read(chunk)).findLast((candidate) => candidate.seq <= within);
    return batch ? rowTimeNs(batch, Math.min(batch.rows - 1, within - batch.seq)) : cell.tNs;
  }

  /** Min/max columns of n = 2^k rows of the columns with these indices, over all columns that touch [fromRow, toRow). */
  async columns(channels: readonly number[], fromRow: number, toRow: number, n: number): Promise<ColumnBlock[]> {
    const from = Math.floor(fromRow / n) * n;
    const to = Math.ceil(toRow / n) * n;
    let anchor = { row: 0, tNs: this.stream.firstNs, dtS: 0 };
    const builder = new ColumnBuilder(n, channels, this.isFloat64, (row) =>
      this.isTimed
        ? { t0Ns: this.stream.firstNs, dtS: 0, isTimed: true }
        : {
            t0Ns: anchor.tNs + BigInt(Math.round((row - anchor.row) * anchor.dtS * 1e9)),
            dtS: anchor.dtS,
            isTimed: false,
          },
    );
    if (n >= cellRows(this.stream.info.rateHz)) {
      const open = new OpenExtents(this.stream.info.columns.length);
      for (let index = this.#firstCellAfter(from); index < this.#cells.length; index++) {
        const cell = this.#cells[index]?.cell;
        if (!cell || cell.row >= to) break;
        anchor = { row: cell.row, tNs: cell.tNs, dtS: cell.stepNs / 1e9 };
        fillExtents(open, cell, Number(cell.tNs - this.stream.firstNs) / 1e9);
        // Time begins at the first row: live history says it the same way.
        open.isAfterGap ||= cell.row === this.stream.firstRow;
        builder.addOpen(open);
      }
    } else {
      await this.visit(from, to, (batch, start, end) => {
        anchor = { row: batch.seq, tNs: batch.t0Ns, dtS: batch.dtS };
        const shiftS = Number(batch.t0Ns - this.stream.firstNs) / 1e9;
        const { times } = batch;
        const timeOf = times ? (row: number): number => (times[row] ?? 0) + shiftS : (): number => 0;
        builder.addRows(batch.columns, start, end, batch.seq + start, start === 0 && this.isAfterGap(batch), timeOf);
      });
    }
    return builder.finish(false);
  }

  /** Rows [fromRow, toRow) batch by batch: `start` and `end` are rows within the batch. */
  async visit(fromRow: number, toRow: number, each: (batch: Batch, start: number, end: number) => void): Promise<void> {
    for (const [index, { digest }] of this.#chunks.entries()) {
      if (digest.endRow <= fromRow) continue;
      if (digest.firstRow >= toRow) return;
      for (const batch of await this.#read(index)) {
        const start = Math.max(0, fromRow - batch.seq);
        const end = Math.min(batch.rows, toRow - batch.seq);
        if (start < end) each(batch, start, end);
      }
    }
  }

  /** Rows are missing before the batch, or it is the first. */
  isAfterGap(batch: Batch): boolean {
    return batch.seq === this.stream.firstRow || batch.lost > 0 || (batch.flags & BATCH_FLAG.gap) !== 0;
  }

  #read(chunk: number): Promise<Batch[]> {
    let batches = this.#cache.get(chunk);
    if (!batches) {
      const at = this.#chunks[chunk];
      batches = at ? this.#recording.batchesIn(at) : Promise.resolve([]);
      if (this.#cache.size >= CACHED_CHUNKS) this.#cache.delete(this.#cache.keys().next().value ?? 0);
      this.#cache.set(chunk, batches);
    }
    return batches;
  }

  #lastCell(isBefore: (cell: Cell) => boolean): { cell: Cell; chunk: number } | undefined {
    const index = lastAtOrBefore(
      this.#cells.length,
      (at) => (isBefore((this.#cells[at] as { cell: Cell }).cell) ? 0 : 1),
      0,
    );
    return this.#cells[index];
  }

  #firstCellAfter(row: number): number {
    const index = lastAtOrBefore(this.#cells.length, (at) => this.#cells[at]?.cell.row ?? 0, row);
    const cell = this.#cells[index]?.cell;
    return cell && cell.row + cell.rows <= row ? index + 1 : index;
  }

  #rowAfter(cell: Cell): number {
    return this.#cells[this.#firstCellAfter(cell.row + cell.rows)]?.cell.row ?? this.endRow;
  }
}

function fillExtents(open: OpenExtents, cell: Cell, timeS: number): void {
  open.rows = cell.rows;
  open.firstRow = cell.row;
  open.timeS = timeS;
  open.isAfterGap = cell.isAfterGap;
  open.min.set(cell.min);
  open.max.set(cell.max);
  open.flags.set(cell.flags);
}
