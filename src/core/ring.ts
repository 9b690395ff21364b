import { BATCH_FLAG, type Batch, type Column } from './batch.ts';
import { lastAtOrBefore } from './pyramid-level.ts';

/** Neighbouring rows of one stream, without a gap inside. Columns may be longer than `rows`: only `rows` of them count. */
export interface RowPage {
  firstRow: number;
  rows: number;
  /** Regular: time of the first row; timed: what `timeS` counts from. */
  t0Ns: bigint;
  dtS: number;
  timeS: Float64Array<ArrayBuffer> | undefined;
  columns: Column[];
  /** Arrival of the newest row. */
  arrivedNs: bigint;
  isAfterGap: boolean;
  sizeBytes: number;
  /** Rows there is room for; a kept batch has none left. */
  capacity: number;
}

/** Batches from here on are kept as they are, without a copy; smaller ones are gathered, so that a row at a time costs no page each. */
const LARGE_ROWS = 1024;
const SMALLEST_PAGE = 64;
const PAGE_OVERHEAD_BYTES = 600;

/** The raw rows of one stream, oldest first, in pages; whole pages are let go at the old end. Found by row in O(log). */
export class RowRing {
  readonly #pages: RowPage[] = [];
  #sizeBytes = 0;
  #endRow = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get pages(): readonly RowPage[] {
    return this.#pages;
  }

  /** First row kept; undefined if none is. */
  get firstRow(): number | undefined {
    return this.#pages[0]?.firstRow;
  }

  /** Number of the row after the last. */
  get endRow(): number {
    return this.#endRow;
  }

  /** Keeps the rows (large batches by reference: their buffer must not be written again); gives the bytes added. */
  append(batch: Batch, isAfterGap: boolean): number {
    const before = this.#sizeBytes;
    this.#endRow = batch.seq + batch.rows;
    if (batch.rows >= LARGE_ROWS) this.#keep(batch, isAfterGap);
    else this.#gather(batch, isAfterGap);
    return this.#sizeBytes - before;
  }

  /** Lets the oldest page go, never the last one; gives the bytes freed. */
  letGo(): number {
    if (this.#pages.length < 2) return 0;
    const freed = this.#pages.shift()?.sizeBytes ?? 0;
    this.#sizeBytes -= freed;
    return freed;
  }

  /** Calls for every page with rows in [fromRow, toRow), oldest first; `from` and `to` are indices into its columns. */
  visit(fromRow: number, toRow: number, each: (page: RowPage, from: number, to: number) => void): void {
    for (let index = this.#indexOf(fromRow); index < this.#pages.length; index++) {
      const page = this.#pages[index] as RowPage;
      if (page.firstRow >= toRow) return;
      const from = Math.max(0, fromRow - page.firstRow);
      const to = Math.min(page.rows, toRow - page.firstRow);
      if (from < to) each(page, from, to);
    }
  }

  /** The page that holds a row, or the first one after it. */
  pageAt(row: number): RowPage | undefined {
    const index = this.#indexOf(row);
    const page = this.#pages[index];
    return page && row >= page.firstRow + page.rows ? this.#pages[index + 1] : page;
  }

  #indexOf(row: number): number {
    return lastAtOrBefore(this.#pages.length, (index) => this.#pages[index]?.firstRow ?? 0, row);
  }

  #keep(batch: Batch, isAfterGap: boolean): void {
    this.#add({
      firstRow: batch.seq,
      rows: batch.rows,
      t0Ns: batch.t0Ns,
      dtS: batch.dtS,
      timeS: batch.times,
      columns: batch.columns,
      arrivedNs: batch.arrivedNs,
      isAfterGap,
      sizeBytes: batch.buffer.byteLength + PAGE_OVERHEAD_BYTES,
      capacity: batch.rows,
    });
  }

  #gather(batch: Batch, isAfterGap: boolean): void {
    const last = this.#pages[this.#pages.length - 1];
    const fits = last && !isAfterGap && last.rows + batch.rows <= last.capacity;
    const page = fits ? last : this.#openPage(batch, isAfterGap, last);
    const at = page.rows;
    if (page.timeS && batch.times) {
      const shiftS = Number(batch.t0Ns - page.t0Ns) / 1e9;
      for (let row = 0; row < batch.rows; row++) page.timeS[at + row] = (batch.times[row] as number) + shiftS;
    }
    for (let channel = 0; channel < batch.channels; channel++) {
      page.columns[channel]?.set(batch.columns[channel] as Column, at);
    }
    page.rows += batch.rows;
    page.arrivedNs = batch.arrivedNs;
  }

  #openPage(batch: Batch, isAfterGap: boolean, last: RowPage | undefined): RowPage {
    const isFloat64 = (batch.flags & BATCH_FLAG.float64) !== 0;
    const grown = last ? Math.min(LARGE_ROWS * 2, last.capacity * 2) : SMALLEST_PAGE;
    const capacity = Math.max(batch.rows, isAfterGap ? SMALLEST_PAGE : grown);
    const page: RowPage = {
      firstRow: batch.seq,
      rows: 0,
      t0Ns: batch.t0Ns,
      dtS: batch.dtS,
      timeS: batch.times ? new Float64Array(capacity) : undefined,
      columns: batch.columns.map(() => (isFloat64 ? new Float64Array(capacity) : new Float32Array(capacity))),
      arrivedNs: batch.arrivedNs,
      isAfterGap,
      sizeBytes: capacity * ((isFloat64 ? 8 : 4) * batch.channels + (batch.times ? 8 : 0)) + PAGE_OVERHEAD_BYTES,
      capacity,
    };
    this.#add(page);
    return page;
  }

  #add(page: RowPage): void {
    this.#pages.push(page);
    this.#sizeBytes += page.sizeBytes;
  }
}
