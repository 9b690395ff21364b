import type { Batch, Column } from '../../core/batch.ts';
import { rowTimeNs } from '../../core/batch.ts';
import { lastAtOrBefore } from '../../core/pyramid-level.ts';
import type { RowPage } from '../../core/ring.ts';
import { type CellPage, stretchEnd } from './stored-level.ts';

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
  let start = lastAtOrBefore(page.length, (at) => page.row.at(at), from);
  if (page.row.at(start) < from) start++;
  while (start < page.length && page.row.at(start) < to) {
    const unbroken = stretchEnd(page, start, to, 1);
    const end = isTimed ? unbroken : evenEnd(page, start, unbroken);
    const time = page.time.at(start);
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
        firstRow: page.row.at(start),
        rows,
        t0Ns: originNs + BigInt(time),
        dtS: isTimed ? 0 : page.step.at(start) / 1e9,
        timeS: isTimed
          ? Float64Array.from({ length: rows }, (_, at) => (page.time.at(start + at) - time) / 1e9)
          : undefined,
        columns,
        arrivedNs: originNs + BigInt(page.time.at(end - 1)),
        isAfterGap: page.gap.at(start) === 1,
        sizeBytes: 0,
        capacity: 0,
      },
      0,
      rows,
    );
    start = end;
  }
}

/** Where rows end that follow each other in the step of the first. */
function evenEnd({ time, step }: CellPage, start: number, limit: number): number {
  const dt = step.at(start);
  let end = start + 1;
  for (; end < limit; end++) {
    const expected = time.at(start) + Math.round((end - start) * dt);
    if (step.at(end) !== dt || Math.abs(time.at(end) - expected) > 1) break;
  }
  return end;
}
