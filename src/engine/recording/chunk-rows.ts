import { lastAtOrBefore } from '../../core/pyramid-level.ts';
import type { ChunkStream } from './digest.ts';
import { PackedColumn } from './packed-column.ts';

/** All a file holds of one channel. Times: ns since 1970. */
export interface ChannelTotals {
  rows: number;
  lost: number;
  /** Part of `lost`: before the first row, and not since the stream was opened. */
  lostBefore: number;
  firstRow: number;
  endRow: number;
  firstNs: bigint;
  lastNs: bigint;
}

/*
 * Bytes, little endian, a multiple of 8 long. Times are ns since the origin.
 *
 *      0 u32 channel  4 u32 columns  8 u32 1 if rows and times only ascend  12 u32 reserved  16 i64 origin
 *     24 totals: f64 rows, lost, lost before, first row, end row, i64 first, last ns
 *     80 packed columns, a value per chunk that holds the channel: chunk, form, batches, rows, lost, lost before, first row,
 *        end row - first row, first time, last time - first time
 */
export const CHUNK_ROWS_HEAD_BYTES = 80;

/** One channel in the chunks of a file that hold it, in order; found by row or time in O(log). */
export class ChunkRows {
  readonly channel: number;
  readonly columns: number;
  readonly totals: ChannelTotals;
  readonly #isAscending: boolean;
  readonly #originNs: bigint;
  readonly #packed: PackedColumn[];

  constructor(view: DataView, packed: PackedColumn[]) {
    this.channel = view.getUint32(0, true);
    this.columns = view.getUint32(4, true);
    this.#isAscending = view.getUint32(8, true) === 1;
    this.#originNs = view.getBigInt64(16, true);
    this.totals = {
      rows: view.getFloat64(24, true),
      lost: view.getFloat64(32, true),
      lostBefore: view.getFloat64(40, true),
      firstRow: view.getFloat64(48, true),
      endRow: view.getFloat64(56, true),
      firstNs: view.getBigInt64(64, true),
      lastNs: view.getBigInt64(72, true),
    };
    this.#packed = packed;
  }

  /** Chunks that hold the channel. */
  get length(): number {
    return (this.#packed[0] as PackedColumn).length;
  }

  chunkAt(index: number): number {
    return this.#value(0, index);
  }

  at(index: number): ChunkStream {
    return {
      channel: this.channel,
      columns: this.columns,
      form: this.#value(1, index),
      batches: this.#value(2, index),
      rows: this.#value(3, index),
      lost: this.#value(4, index),
      lostBefore: this.#value(5, index),
      firstRow: this.#firstRow(index),
      endRow: this.#firstRow(index) + this.#value(7, index),
      firstNs: this.#timeNs(this.#firstTime(index)),
      lastNs: this.#timeNs(this.#lastTime(index)),
    };
  }

  /** Indices of those with a row in [fromNs, toNs] (judged by their first and last row), in order. */
  *within(fromNs?: bigint, toNs?: bigint): Generator<number> {
    const from = fromNs === undefined ? Number.NEGATIVE_INFINITY : Number(fromNs - this.#originNs);
    const to = toNs === undefined ? Number.POSITIVE_INFINITY : Number(toNs - this.#originNs);
    let index = this.#isAscending ? lastAtOrBefore(this.length, (at) => this.#lastTime(at), from) : 0;
    for (; index < this.length; index++) {
      if (this.#firstTime(index) > to) {
        if (this.#isAscending) return;
      } else if (this.#lastTime(index) >= from) yield index;
    }
  }

  /** Indices of those with a row in [fromRow, toRow), in order. */
  *withRows(fromRow: number, toRow: number): Generator<number> {
    let index = this.#isAscending ? lastAtOrBefore(this.length, (at) => this.#firstRow(at), fromRow) : 0;
    for (; index < this.length; index++) {
      const first = this.#firstRow(index);
      if (first >= toRow) {
        if (this.#isAscending) return;
      } else if (this.#value(3, index) > 0 && first + this.#value(7, index) > fromRow) yield index;
    }
  }

  #firstRow(index: number): number {
    return this.#value(6, index);
  }

  #firstTime(index: number): number {
    return this.#value(8, index);
  }

  #lastTime(index: number): number {
    return this.#value(8, index) + this.#value(9, index);
  }

  #timeNs(time: number): bigint {
    return this.#originNs + BigInt(time);
  }

  #value(column: number, index: number): number {
    return (this.#packed[column] as PackedColumn).at(index);
  }
}

const COLUMNS = 10;

/** @throws RangeError: there are no such bytes at `at` (aligned to 8). Borrows them. */
export function viewChunkRows(bytes: Uint8Array<ArrayBuffer>, at: number): { rows: ChunkRows; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, CHUNK_ROWS_HEAD_BYTES);
  const packed: PackedColumn[] = [];
  let end = at + CHUNK_ROWS_HEAD_BYTES;
  for (let index = 0; index < COLUMNS; index++) {
    const viewed = PackedColumn.view(bytes, end);
    packed.push(viewed.column);
    end = viewed.end;
  }
  if (packed.some((column) => column.length !== packed[0]?.length))
    throw new RangeError('columns of different lengths');
  return { rows: new ChunkRows(view, packed), end };
}
