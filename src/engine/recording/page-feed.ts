import type { Batch, Column } from '../../core/batch.ts';
import type { ColumnBuilder } from '../../core/decimate.ts';
import { OpenExtents } from '../../core/extent.ts';
import { lastAtOrBefore } from '../../core/pyramid-level.ts';
import type { RecordedStream } from './recording-info.ts';
import type { CellPage } from './stored-level.ts';

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
  readonly #open: OpenExtents;
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
    this.#open = new OpenExtents(stream.info.columns.length);
  }

  /** Seconds from row to row where it feeds. */
  get dtS(): number {
    return this.#dtS;
  }

  /** Time of a row where it feeds; ns since 1970. */
  timeOf(row: number): bigint {
    return this.#originNs + BigInt(this.#time + Math.round((row - this.#row) * this.#dtS * 1e9));
  }

  /** The entries of a page that touch [from, to). */
  addCells(builder: ColumnBuilder, page: CellPage, originNs: bigint, from: number, to: number): void {
    for (let at = lastAtOrBefore(page.length, (index) => page.row[index] as number, from); at < page.length; at++) {
      const row = page.row[at] as number;
      const end = row + (page.rows[at] as number);
      if (row >= to || this.#isDone) return;
      if (end <= from) continue;
      // Time begins at the first row: live history says it the same way.
      const isAfterGap = (page.gap[at] as number) === 1 || row === this.#stream.firstRow;
      const stand = this.#offer(row, end, isAfterGap);
      if (stand === 'inside') this.#addCell(builder, page, originNs, at, isAfterGap);
      else if (stand === 'before') this.#before.push(() => this.#addCell(builder, page, originNs, at, isAfterGap));
    }
  }

  /** The rows of a page of rows that lie in [from, to). */
  addRows(builder: ColumnBuilder, page: CellPage, originNs: bigint, from: number, to: number): void {
    let start = lastAtOrBefore(page.length, (index) => page.row[index] as number, from);
    if ((page.row[start] as number) < from) start++;
    while (start < page.length && (page.row[start] as number) < to && !this.#isDone) {
      const row = page.row[start] as number;
      let end = start + 1;
      while (end < page.length && (page.row[end] as number) === row + end - start && (page.gap[end] as number) === 0) {
        if (row + end - start >= to) break;
        end++;
      }
      const isAfterGap = (page.gap[start] as number) === 1 || row === this.#stream.firstRow;
      const add = this.#stretchOf(builder, page, originNs, start, end, isAfterGap);
      const stand = this.#offer(row, row + end - start, isAfterGap);
      if (stand === 'inside') add();
      else if (stand === 'before') this.#before.push(add);
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

  #addCell(builder: ColumnBuilder, page: CellPage, originNs: bigint, at: number, isAfterGap: boolean): void {
    const open = this.#open;
    const shift = this.#at(originNs);
    this.#row = page.row[at] as number;
    this.#time = page.time[at] as number;
    this.#dtS = (page.step[at] as number) / 1e9;
    open.firstRow = this.#row;
    open.rows = page.rows[at] as number;
    open.timeS = (shift + this.#time) / 1e9;
    open.isAfterGap = isAfterGap;
    for (let index = 0; index < this.#channels.length; index++) {
      const channel = this.#channels[index] as number;
      const values = page.values[index] as CellPage['values'][number];
      open.min[channel] = values.min[at] as number;
      open.max[channel] = values.max[at] as number;
      open.flags[channel] = values.flags[at] as number;
    }
    builder.addOpen(open);
  }

  #stretchOf(
    builder: ColumnBuilder,
    page: CellPage,
    originNs: bigint,
    start: number,
    end: number,
    isAfterGap: boolean,
  ): () => void {
    const columns: Column[] = [];
    for (const [index, channel] of this.#channels.entries()) {
      columns[channel] = (page.values[index] as CellPage['values'][number]).min;
    }
    return () => {
      const shift = this.#at(originNs);
      this.#row = page.row[start] as number;
      this.#time = page.time[start] as number;
      this.#dtS = (page.step[start] as number) / 1e9;
      const timeS = (at: number): number => (shift + (page.time[at] as number)) / 1e9;
      builder.addRows(columns, start, end, this.#row, isAfterGap, timeS);
    };
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
