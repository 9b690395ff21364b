import type { Batch, Column } from '../../core/batch.ts';
import type { ColumnBuilder } from '../../core/decimate.ts';
import { OpenExtents } from '../../core/extent.ts';
import { lastAtOrBefore } from '../../core/pyramid-level.ts';
import type { RecordedStream } from './recording-info.ts';
import type { CellPage } from './stored-level.ts';

/** Feeds a column builder from pages and batches of a recorded stream, and knows the time of the rows fed last. */
export class PageFeed {
  readonly #stream: RecordedStream;
  readonly #channels: readonly number[];
  readonly #open: OpenExtents;
  /** A row of what is being fed, with its time (ns since the origin) and the seconds from row to row there. */
  #row = 0;
  #time = 0;
  #originNs: bigint;
  #dtS = 0;

  /** `channels`: indices of the stream's columns, in the order wanted; pages hold their values in that order. */
  constructor(stream: RecordedStream, channels: readonly number[]) {
    this.#stream = stream;
    this.#channels = channels;
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
    const shift = this.#at(originNs);
    const open = this.#open;
    for (let at = lastAtOrBefore(page.length, (index) => page.row.at(index), from); at < page.length; at++) {
      const row = page.row.at(at);
      const rows = page.rows.at(at);
      if (row >= to) return;
      if (row + rows <= from) continue;
      this.#row = row;
      this.#time = page.time.at(at);
      this.#dtS = page.step.at(at) / 1e9;
      open.firstRow = row;
      open.rows = rows;
      open.timeS = (shift + this.#time) / 1e9;
      // Time begins at the first row: live history says it the same way.
      open.isAfterGap = page.gap.at(at) === 1 || row === this.#stream.firstRow;
      for (let index = 0; index < this.#channels.length; index++) {
        const channel = this.#channels[index] as number;
        const values = page.values[index] as CellPage['values'][number];
        open.min[channel] = values.min[at] as number;
        open.max[channel] = values.max[at] as number;
        open.flags[channel] = values.flags[at] as number;
      }
      builder.addOpen(open);
    }
  }

  /** The rows of a page of rows that lie in [from, to). */
  addRows(builder: ColumnBuilder, page: CellPage, originNs: bigint, from: number, to: number): void {
    const shift = this.#at(originNs);
    const columns: Column[] = [];
    for (const [index, channel] of this.#channels.entries()) {
      columns[channel] = (page.values[index] as CellPage['values'][number]).min;
    }
    const timeS = (at: number): number => (shift + page.time.at(at)) / 1e9;
    let start = lastAtOrBefore(page.length, (index) => page.row.at(index), from);
    if (page.row.at(start) < from) start++;
    while (start < page.length && page.row.at(start) < to) {
      const row = page.row.at(start);
      let end = start + 1;
      while (end < page.length && page.row.at(end) < to && page.gap.at(end) === 0) {
        if (page.row.at(end) !== row + end - start) break;
        end++;
      }
      this.#row = row;
      this.#time = page.time.at(start);
      this.#dtS = page.step.at(start) / 1e9;
      const isAfterGap = page.gap.at(start) === 1 || row === this.#stream.firstRow;
      builder.addRows(columns, start, end, row, isAfterGap, timeS);
      start = end;
    }
  }

  /** Rows of a batch. */
  addBatch(builder: ColumnBuilder, batch: Batch, start: number, end: number, isAfterGap: boolean): void {
    this.#row = batch.seq;
    this.#originNs = batch.t0Ns;
    this.#time = 0;
    this.#dtS = batch.dtS;
    const shiftS = Number(batch.t0Ns - this.#stream.firstNs) / 1e9;
    const { times } = batch;
    const timeS = times ? (row: number): number => (times[row] ?? 0) + shiftS : (): number => 0;
    builder.addRows(batch.columns, start, end, batch.seq + start, isAfterGap, timeS);
  }

  /** ns from the stream's first row to the origin. */
  #at(originNs: bigint): number {
    this.#originNs = originNs;
    return Number(originNs - this.#stream.firstNs);
  }
}
