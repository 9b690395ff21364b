import type { Batch, Column } from '../../core/batch.ts';
import type { ColumnBuilder } from '../../core/decimate.ts';
import { lastAtOrBefore } from '../../core/pyramid-level.ts';
import type { RecordedStream } from './recording-info.ts';
import { type CellPage, stretchEnd } from './stored-level.ts';

/** What times of a page count from, and how many rows there are in a block: 1 if it is a page of rows. */
export interface PageForm {
  originNs: bigint;
  blockRows: number;
}

/** Entries of a page from `start` to `end` with no gap between them. */
interface Stretch extends PageForm {
  page: CellPage;
  start: number;
  end: number;
  isAfterGap: boolean;
}

/**
 * Feeds a column builder from pages and batches of a recorded stream, given in the order of rows, and knows the time of the rows fed last. Of what lies
 * around the rows asked for it feeds only what belongs to the same columns: no column reaches over a gap.
 */
export class PageFeed {
  readonly #stream: RecordedStream;
  readonly #channels: readonly number[];
  readonly #fromRow: number;
  readonly #toRow: number;
  /** What lies before the rows asked for, back to the last gap. */
  #before: (() => void)[] = [];
  #endRow = -1;
  #isDone = false;
  /** A row of what is being fed, with its time (ns since the origin) and the seconds from row to row there. */
  #row = 0;
  #time = 0;
  #originNs: bigint;
  #shift = 0;
  #dtS = 0;

  /** `channels`: indices of the stream's columns, in the order wanted; pages hold their values in that order. */
  constructor(stream: RecordedStream, channels: readonly number[], fromRow: number, toRow: number) {
    this.#stream = stream;
    this.#channels = channels;
    this.#fromRow = fromRow;
    this.#toRow = toRow;
    this.#originNs = stream.firstNs;
  }

  /** Seconds from row to row where it feeds. */
  get dtS(): number {
    return this.#dtS;
  }

  /** Time of a row where it feeds; ns since 1970. */
  timeOf(row: number): bigint {
    return this.#originNs + BigInt(this.#time + Math.round((row - this.#row) * this.#dtS * 1e9));
  }

  /** The entries of a page that touch [from, to), or its rows there. */
  addPage(builder: ColumnBuilder, page: CellPage, { originNs, blockRows }: PageForm, from: number, to: number): void {
    let start = lastAtOrBefore(page.length, (index) => page.row.at(index), from);
    if (page.row.at(start) + page.rows.at(start) <= from) start++;
    while (start < page.length && page.row.at(start) < to && !this.#isDone) {
      const row = page.row.at(start);
      const end = stretchEnd(page, start, to, blockRows);
      // Time begins at the first row: live history says it the same way.
      const isAfterGap = page.gap.at(start) === 1 || row === this.#stream.firstRow;
      const stretch: Stretch = { page, originNs, blockRows, start, end, isAfterGap };
      const stand = this.#offer(row, page.row.at(end - 1) + page.rows.at(end - 1), isAfterGap);
      if (stand === 'inside') this.#addStretch(builder, stretch);
      else if (stand === 'before') this.#before.push(() => this.#addStretch(builder, stretch));
      start = end;
    }
  }

  /** Rows of a batch. */
  addBatch(builder: ColumnBuilder, batch: Batch, start: number, end: number, isAfterGap: boolean): void {
    const add = (): void => {
      this.#row = batch.seq;
      const shiftS = this.#at(batch.t0Ns) / 1e9;
      this.#time = 0;
      this.#dtS = batch.dtS;
      const { times } = batch;
      const timeS = times ? (row: number): number => (times[row] ?? 0) + shiftS : (): number => 0;
      builder.addRows(batch.columns, start, end, batch.seq + start, isAfterGap, timeS);
    };
    const stand = this.#offer(batch.seq + start, batch.seq + end, isAfterGap);
    if (stand === 'inside') add();
    else if (stand === 'before') this.#before.push(add);
  }

  /** Where the next rows stand: what is before is kept until it is known whether a gap follows. */
  #offer(row: number, end: number, isAfterGap: boolean): 'before' | 'inside' | 'behind' {
    const isApart = isAfterGap || row !== this.#endRow;
    this.#endRow = end;
    if (isApart) this.#before = [];
    if (end <= this.#fromRow) return 'before';
    if (this.#isDone || (isApart && row >= this.#toRow)) {
      this.#isDone = true;
      return 'behind';
    }
    for (const add of this.#before) add();
    this.#before = [];
    return 'inside';
  }

  #addStretch(builder: ColumnBuilder, { page, originNs, blockRows, start, end, isAfterGap }: Stretch): void {
    const shift = this.#at(originNs);
    this.#row = page.row.at(start);
    this.#time = page.time.at(start);
    this.#dtS = page.step.at(start) / 1e9;
    const min: Column[] = [];
    const max: Column[] = [];
    const flags: Uint8Array[] = [];
    for (const [index, channel] of this.#channels.entries()) {
      const values = page.values[index] as CellPage['values'][number];
      min[channel] = values.min;
      max[channel] = values.max;
      flags[channel] = values.flags;
    }
    const timeS = (at: number): number => (shift + page.time.at(at)) / 1e9;
    if (blockRows === 1) builder.addRows(min, start, end, this.#row, isAfterGap, timeS);
    else {
      const endRow = page.row.at(end - 1) + page.rows.at(end - 1);
      builder.addBlocks({ blockRows, timeS, min, max, flags }, start, this.#row, endRow, isAfterGap);
    }
  }

  /** ns from the stream's first row to the origin. */
  #at(originNs: bigint): number {
    if (originNs !== this.#originNs) {
      this.#originNs = originNs;
      this.#shift = Number(originNs - this.#stream.firstNs);
    }
    return this.#shift;
  }
}
