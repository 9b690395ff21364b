import { lastAtOrBefore } from '../../core/pyramid-level.ts';
import type { ByteSource } from './byte-source.ts';
import type { PackedColumn } from './packed-column.ts';
import type { PageIndex, PageValues, ValueForm } from './page-codec.ts';
import { valueBlockBytes, viewIndexBlock, viewValueBlock } from './page-codec.ts';

/** Some entries of a level, with the values of the columns asked for, in that order. Times: ns since the origin of the stream. */
export interface CellPage extends PageIndex {
  length: number;
  values: PageValues[];
}

/** One entry, without values. */
export interface CellPlace {
  row: number;
  rows: number;
  /** ns since the origin of the stream. */
  time: number;
  /** ns from row to row; 0 if uneven. */
  step: number;
}

/** What the section says of a level; see `levels-codec.ts`. Offsets from the start of the file. */
export interface LevelLayout extends ValueForm {
  blockRows: number;
  entries: number;
  pageEntries: number;
  indexAt: number;
  valuesAt: number;
  /** Per page, and behind the last: where its index block starts, from `indexAt`. */
  indexOffsets: PackedColumn;
  /** Row and time of the first entry of each page. */
  firstRow: PackedColumn;
  firstTime: PackedColumn;
}

/**
 * Where the entries of a page end that go on from `start` without a gap: each begins where the one before it ends, at the next multiple of `blockRows`.
 * Those that begin at row `to` or behind are left out.
 */
export function stretchEnd({ length, row, rows, gap }: CellPage, start: number, to: number, blockRows: number): number {
  const block = Math.floor(row.at(start) / blockRows);
  const limit = Math.min(length, start + Math.ceil(to / blockRows) - block);
  const isUnbroken = row.isLine(blockRows) && rows.isLine(0) && rows.at(0) === blockRows && gap.isLine(0);
  if (isUnbroken && gap.at(0) === 0) return limit;
  let end = start + 1;
  while (end < limit) {
    const next = (block + end - start) * blockRows;
    if (row.at(end) !== next || row.at(end - 1) + rows.at(end - 1) !== next || gap.at(end) !== 0) break;
    end++;
  }
  return end;
}

const CACHED_INDEXES = 32;

/**
 * One level of a stored pyramid. Index blocks of neighbouring pages lie side by side, and so do those of one column's values: a view is two reads.
 * Every method rejects with a RangeError if what it reads is damaged or cut off.
 */
export class StoredLevel {
  readonly layout: LevelLayout;
  readonly #source: ByteSource;
  readonly #indexes = new Map<number, PageIndex>();

  constructor(layout: LevelLayout, source: ByteSource) {
    this.layout = layout;
    this.#source = source;
  }

  /** Rows of a block; 1: rows themselves. */
  get blockRows(): number {
    return this.layout.blockRows;
  }

  get pages(): number {
    return this.layout.firstRow.length;
  }

  /** The last page that begins at or before a row; 0 if all begin after it. */
  pageOfRow(row: number): number {
    return lastAtOrBefore(this.pages, (page) => this.layout.firstRow.at(page), row);
  }

  /** The last entry that begins at or before a row (the first if all begin after it), and the row of the next one. */
  async placeOfRow(row: number): Promise<{ place: CellPlace; nextRow: number | undefined }> {
    const page = this.pageOfRow(row);
    const index = await this.#index(page);
    return this.#placeAt(
      page,
      index,
      lastAtOrBefore(this.#entriesOf(page), (at) => index.row.at(at), row),
    );
  }

  /** The last entry that begins before a time (the first if none does), and the row of the next one. */
  async placeBefore(time: number): Promise<{ place: CellPlace; nextRow: number | undefined }> {
    // Times are whole ns.
    const key = time - 0.5;
    const page = lastAtOrBefore(this.pages, (at) => this.layout.firstTime.at(at), key);
    const index = await this.#index(page);
    return this.#placeAt(
      page,
      index,
      lastAtOrBefore(this.#entriesOf(page), (at) => index.time.at(at), key),
    );
  }

  /** The pages from `from` to `to` with the values of these columns of the stream. */
  async read(from: number, to: number, columns: readonly number[]): Promise<CellPage[]> {
    const { indexAt, indexOffsets } = this.layout;
    const start = indexOffsets.at(from);
    const [indexes, ...values] = await Promise.all([
      this.#source.read(indexAt + start, indexOffsets.at(to) - start),
      ...columns.map((column) => this.#readValues(column, from, to)),
    ]);
    const pages: CellPage[] = [];
    for (let page = from; page < to; page++) {
      const entries = this.#entriesOf(page);
      const index = indexes.subarray(indexOffsets.at(page) - start, indexOffsets.at(page + 1) - start);
      const at = (page - from) * this.#blockBytes;
      pages.push({
        ...viewIndexBlock(index, entries),
        length: entries,
        values: values.map((bytes) =>
          viewValueBlock(bytes.subarray(at, at + valueBlockBytes(entries, this.layout)), entries, this.layout),
        ),
      });
    }
    return pages;
  }

  /** Of a full page. */
  get #blockBytes(): number {
    return valueBlockBytes(this.layout.pageEntries, this.layout);
  }

  #readValues(column: number, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    const { valuesAt } = this.layout;
    const startOf = (page: number): number =>
      page === this.pages ? this.#columnBytes : Math.min(this.#columnBytes, page * this.#blockBytes);
    return this.#source.read(valuesAt + column * this.#columnBytes + startOf(from), startOf(to) - startOf(from));
  }

  /** All blocks of one column of the stream. */
  get #columnBytes(): number {
    const last = this.pages - 1;
    return last * this.#blockBytes + valueBlockBytes(this.#entriesOf(last), this.layout);
  }

  #entriesOf(page: number): number {
    return Math.min(this.layout.pageEntries, this.layout.entries - page * this.layout.pageEntries);
  }

  async #index(page: number): Promise<PageIndex> {
    let index = this.#indexes.get(page);
    if (index) return index;
    const { indexAt, indexOffsets } = this.layout;
    const start = indexOffsets.at(page);
    const bytes = await this.#source.read(indexAt + start, indexOffsets.at(page + 1) - start);
    index = viewIndexBlock(bytes, this.#entriesOf(page));
    if (this.#indexes.size >= CACHED_INDEXES) this.#indexes.delete(this.#indexes.keys().next().value ?? 0);
    this.#indexes.set(page, index);
    return index;
  }

  #placeAt(page: number, index: PageIndex, at: number): { place: CellPlace; nextRow: number | undefined } {
    const place = {
      row: index.row.at(at),
      rows: index.rows.at(at),
      time: index.time.at(at),
      step: index.step.at(at),
    };
    if (at + 1 < this.#entriesOf(page)) return { place, nextRow: index.row.at(at + 1) };
    return { place, nextRow: page + 1 < this.pages ? this.layout.firstRow.at(page + 1) : undefined };
  }
}
