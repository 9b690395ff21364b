import type { Batch, Column } from '../../core/batch.ts';
import { rowTimeNs } from '../../core/batch.ts';
import type { RowPage } from '../../core/ring.ts';
import type { CellPage } from './stored-level.ts';

/** Told of rows: those of the page from `start` to `end`. */
export type EachRows = (page: RowPage, start: number, end: number) => void;

/** Batches from here on are given as they are. */
const LARGE_ROWS = 256;
const PAGE_ROWS = 1024;

/** Gathers neighbouring small batches, which are often of one row, into pages; large ones are passed through. */
export class RowGather {
  readonly #each: EachRows;
  #page: RowPage | undefined;

  constructor(each: EachRows) {
    this.#each = each;
  }

  /** Rows `start` to `end` of the next batch. */
  add(batch: Batch, start: number, end: number, isAfterGap: boolean): void {
    if (end - start >= LARGE_ROWS) {
      this.end();
      this.#each(pageOf(batch, isAfterGap), start, end);
      return;
    }
    if (!this.#page || isAfterGap || !fits(this.#page, batch, start, end)) {
      this.end();
      this.#page = emptyPage(batch, start, isAfterGap && start === 0);
    }
    const page = this.#page;
    const at = page.rows;
    const shiftS = Number(batch.t0Ns - page.t0Ns) / 1e9;
    for (let row = start; page.timeS && row < end; row++) {
      page.timeS[at + row - start] = (batch.times?.[row] ?? 0) + shiftS;
    }
    for (const [index, column] of batch.columns.entries()) page.columns[index]?.set(column.subarray(start, end), at);
    page.rows += end - start;
    page.arrivedNs = batch.arrivedNs;
  }

  /** Gives what is gathered. */
  end(): void {
    const page = this.#page;
    this.#page = undefined;
    if (page) this.#each(page, 0, page.rows);
  }
}

/** Goes on where the page ends, at the time it ends. */
function fits(page: RowPage, batch: Batch, start: number, end: number): boolean {
  if (batch.seq + start !== page.firstRow + page.rows || page.rows + end - start > PAGE_ROWS) return false;
  if ((batch.times !== undefined) !== (page.timeS !== undefined)) return false;
  if (batch.columns[0] instanceof Float64Array !== page.columns[0] instanceof Float64Array) return false;
  if (batch.times) return true;
  const expectedNs = page.t0Ns + BigInt(Math.round(page.rows * page.dtS * 1e9));
  return batch.dtS === page.dtS && Math.abs(Number(rowTimeNs(batch, start) - expectedNs)) <= 1;
}

function pageOf(batch: Batch, isAfterGap: boolean): RowPage {
  const { seq, rows, t0Ns, dtS, times, columns, arrivedNs } = batch;
  return { firstRow: seq, rows, t0Ns, dtS, timeS: times, columns, arrivedNs, isAfterGap, sizeBytes: 0, capacity: 0 };
}

function emptyPage(batch: Batch, start: number, isAfterGap: boolean): RowPage {
  const { seq, dtS, times, arrivedNs } = batch;
  return {
    firstRow: seq + start,
    rows: 0,
    t0Ns: times ? batch.t0Ns : rowTimeNs(batch, start),
    dtS,
    timeS: times ? new Float64Array(PAGE_ROWS) : undefined,
    columns: batch.columns.map((column) =>
      column instanceof Float64Array ? new Float64Array(PAGE_ROWS) : new Float32Array(PAGE_ROWS),
    ),
    arrivedNs,
    isAfterGap,
    sizeBytes: 0,
    capacity: PAGE_ROWS,
  };
}

/**
 * The rows [from, to) of a page of a level of rows, in stretches without a gap. Only the columns asked for are there, under their numbers. When they
 * arrived is not kept: the time of the last one stands for it.
 */
export function eachStretch(
  page: CellPage,
  originNs: bigint,
  isTimed: boolean,
  channels: readonly number[],
  [from, to]: [number, number],
  each: EachRows,
): void {
  const isLast = (at: number): boolean => at >= page.length || (page.row[at] as number) >= to;
  let start = 0;
  while (!isLast(start) && (page.row[start] as number) < from) start++;
  while (!isLast(start)) {
    let end = start + 1;
    while (!isLast(end) && (page.gap[end] as number) === 0 && goesOn(page, start, end, isTimed)) end++;
    const time = page.time[start] as number;
    const columns: Column[] = [];
    for (const [index, channel] of channels.entries()) {
      const column = page.values[index]?.min.subarray(start, end);
      if (column) columns[channel] = column;
      // Its type tells that of all.
      if (column) columns[0] ??= column;
    }
    const rows = end - start;
    each(
      {
        firstRow: page.row[start] as number,
        rows,
        t0Ns: originNs + BigInt(time),
        dtS: isTimed ? 0 : (page.step[start] as number) / 1e9,
        timeS: isTimed
          ? Float64Array.from({ length: rows }, (_, at) => ((page.time[start + at] as number) - time) / 1e9)
          : undefined,
        columns,
        arrivedNs: originNs + BigInt(page.time[end - 1] as number),
        isAfterGap: (page.gap[start] as number) === 1,
        sizeBytes: 0,
        capacity: 0,
      },
      0,
      rows,
    );
    start = end;
  }
}

function goesOn(page: CellPage, start: number, at: number, isTimed: boolean): boolean {
  if ((page.row[at] as number) !== (page.row[start] as number) + at - start) return false;
  if (isTimed) return true;
  const step = page.step[start] as number;
  const expected = (page.time[start] as number) + Math.round((at - start) * step);
  return (page.step[at] as number) === step && Math.abs((page.time[at] as number) - expected) <= 1;
}
