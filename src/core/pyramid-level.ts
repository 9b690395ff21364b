import type { Column } from './batch.ts';
import type { OpenExtents } from './extent.ts';

/** Entries of a level side by side. `flags`: one row of `capacity` bytes per channel. */
export interface LevelPage {
  length: number;
  capacity: number;
  sizeBytes: number;
  firstRow: Float64Array<ArrayBuffer>;
  rows: Uint32Array<ArrayBuffer>;
  /** Time of the first row; only of timed streams. */
  timeS: Float64Array<ArrayBuffer> | undefined;
  isAfterGap: Uint8Array<ArrayBuffer>;
  min: Column[];
  max: Column[];
  flags: Uint8Array<ArrayBuffer>;
}

const SMALLEST_PAGE = 32;
const LARGEST_PAGE = 512;

/**
 * Closed entries of one level of a pyramid, oldest first, in pages; whole pages are let go at the old end. An entry covers up to
 * `blockRows` rows aligned to the row number, fewer at a gap. Found by row in O(log).
 */
export class PyramidLevel {
  readonly blockRows: number;
  readonly #channels: number;
  readonly #isFloat64: boolean;
  readonly #isTimed: boolean;
  readonly #pages: LevelPage[] = [];
  #sizeBytes = 0;

  constructor(blockRows: number, channels: number, isFloat64: boolean, isTimed: boolean) {
    this.blockRows = blockRows;
    this.#channels = channels;
    this.#isFloat64 = isFloat64;
    this.#isTimed = isTimed;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get pages(): readonly LevelPage[] {
    return this.#pages;
  }

  /** First row of the oldest entry kept; undefined if none is. */
  get firstRow(): number | undefined {
    return this.#pages[0]?.firstRow[0];
  }

  push(open: OpenExtents): void {
    const page = this.#openPage();
    const at = page.length++;
    page.firstRow[at] = open.firstRow;
    page.rows[at] = open.rows;
    if (page.timeS) page.timeS[at] = open.timeS;
    page.isAfterGap[at] = open.isAfterGap ? 1 : 0;
    for (let channel = 0; channel < this.#channels; channel++) {
      (page.min[channel] as Column)[at] = open.min[channel] as number;
      (page.max[channel] as Column)[at] = open.max[channel] as number;
      page.flags[channel * page.capacity + at] = open.flags[channel] as number;
    }
  }

  /** Lets the oldest page go, never the last one; gives the bytes freed. */
  letGo(): number {
    if (this.#pages.length < 2) return 0;
    const freed = this.#pages.shift()?.sizeBytes ?? 0;
    this.#sizeBytes -= freed;
    return freed;
  }

  /** Calls for every entry that begins in [fromRow, toRow) or covers fromRow, oldest first. */
  visit(fromRow: number, toRow: number, each: (page: LevelPage, at: number) => void): void {
    let pageAt = lastAtOrBefore(this.#pages.length, (index) => this.#pages[index]?.firstRow[0] ?? 0, fromRow);
    for (; pageAt < this.#pages.length; pageAt++) {
      const page = this.#pages[pageAt] as LevelPage;
      for (
        let at = lastAtOrBefore(page.length, (index) => page.firstRow[index] ?? 0, fromRow);
        at < page.length;
        at++
      ) {
        const firstRow = page.firstRow[at] as number;
        if (firstRow >= toRow) return;
        if (firstRow + (page.rows[at] as number) > fromRow) each(page, at);
      }
    }
  }

  #openPage(): LevelPage {
    const last = this.#pages[this.#pages.length - 1];
    if (last && last.length < last.capacity) return last;
    const capacity = Math.min(LARGEST_PAGE, (last?.capacity ?? SMALLEST_PAGE / 2) * 2);
    const column = (): Column => (this.#isFloat64 ? new Float64Array(capacity) : new Float32Array(capacity));
    const page: LevelPage = {
      length: 0,
      capacity,
      sizeBytes: capacity * (13 + (this.#isTimed ? 8 : 0) + this.#channels * ((this.#isFloat64 ? 16 : 8) + 1)) + 500,
      firstRow: new Float64Array(capacity),
      rows: new Uint32Array(capacity),
      timeS: this.#isTimed ? new Float64Array(capacity) : undefined,
      isAfterGap: new Uint8Array(capacity),
      min: Array.from({ length: this.#channels }, column),
      max: Array.from({ length: this.#channels }, column),
      flags: new Uint8Array(capacity * this.#channels),
    };
    this.#pages.push(page);
    this.#sizeBytes += page.sizeBytes;
    return page;
  }
}

/** Index of the last item whose key is at or before `key`, by bisection; 0 if all are after it (or there is none). */
export function lastAtOrBefore(length: number, keyOf: (index: number) => number, key: number): number {
  let low = 0;
  let high = length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (keyOf(middle) <= key) low = middle;
    else high = middle - 1;
  }
  return low;
}
