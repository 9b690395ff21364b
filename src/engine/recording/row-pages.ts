import { BATCH_FLAG, type Batch, type Column } from '../../core/batch.ts';
import type { EncodedLevel } from './levels-codec.ts';
import { encodeIndexBlock, encodeValueBlock, type ValueForm } from './page-codec.ts';
import { PAGE_ENTRIES } from './pyramid-layout.ts';

const ONES = new Uint8Array(PAGE_ENTRIES).fill(1);

/** The rows of one stream in one file, in pages of a level of single rows, gathered batch by batch. */
export class RowPages {
  readonly originNs: bigint;
  readonly isFloat64: boolean;
  readonly #isTimed: boolean;
  readonly #form: ValueForm;
  readonly #row = new Float64Array(PAGE_ENTRIES);
  readonly #time = new Float64Array(PAGE_ENTRIES);
  readonly #step = new Float64Array(PAGE_ENTRIES);
  readonly #gap = new Uint8Array(PAGE_ENTRIES);
  readonly #columns: Column[];
  readonly #level: EncodedLevel;
  #filled = 0;
  #bytes = 0;
  #endRow: number;

  /** For batches like this one, which is not taken. */
  constructor(first: Batch) {
    this.originNs = first.t0Ns;
    this.isFloat64 = (first.flags & BATCH_FLAG.float64) !== 0;
    this.#isTimed = first.times !== undefined;
    this.#form = { isFloat64: this.isFloat64, isRows: true };
    this.#endRow = first.seq;
    this.#columns = first.columns.map(() =>
      this.isFloat64 ? new Float64Array(PAGE_ENTRIES) : new Float32Array(PAGE_ENTRIES),
    );
    const values = first.columns.map(() => []);
    this.#level = { blockRows: 1, entries: 0, indexes: [], values, firstRow: [], firstTime: [] };
  }

  /** Of full pages. */
  get bytes(): number {
    return this.#bytes;
  }

  get rows(): number {
    return this.#level.entries + this.#filled;
  }

  /** Takes the next batch; false: it is not like the others, so that these pages are good for nothing. */
  add(batch: Batch): boolean {
    const isFloat64 = (batch.flags & BATCH_FLAG.float64) !== 0;
    const isTimed = batch.times !== undefined;
    const isLike = isFloat64 === this.isFloat64 && isTimed === this.#isTimed;
    if (!isLike || batch.columns.length !== this.#columns.length || batch.seq < this.#endRow) return false;
    const shift = Number(batch.t0Ns - this.originNs);
    const isBroken = batch.lost > 0 || (batch.flags & BATCH_FLAG.gap) !== 0;
    for (let row = 0; row < batch.rows; row++) {
      const at = this.#filled;
      const seconds = batch.times ? (batch.times[row] as number) : row * batch.dtS;
      this.#row[at] = batch.seq + row;
      this.#time[at] = shift + Math.round(seconds * 1e9);
      this.#step[at] = batch.dtS * 1e9;
      this.#gap[at] = isBroken && row === 0 ? 1 : 0;
      for (let index = 0; index < this.#columns.length; index++) {
        (this.#columns[index] as Column)[at] = batch.columns[index]?.[row] as number;
      }
      this.#filled++;
      if (this.#filled === PAGE_ENTRIES) this.#close();
    }
    this.#endRow = batch.seq + batch.rows;
    return true;
  }

  /** All pages; nothing can be added any more. */
  finish(): EncodedLevel {
    if (this.#filled > 0) this.#close();
    return this.#level;
  }

  #close(): void {
    const count = this.#filled;
    const level = this.#level;
    const columns = { row: this.#row, rows: ONES, time: this.#time, step: this.#step, gap: this.#gap };
    const index = encodeIndexBlock(columns, 0, count);
    level.indexes.push(index);
    this.#bytes += index.byteLength;
    for (let column = 0; column < this.#columns.length; column++) {
      const block = encodeValueBlock({ min: this.#columns[column] as Column }, 0, count, this.#form);
      level.values[column]?.push(block);
      this.#bytes += block.byteLength;
    }
    level.firstRow.push(this.#row[0] as number);
    level.firstTime.push(this.#time[0] as number);
    level.entries += count;
    this.#filled = 0;
  }
}
