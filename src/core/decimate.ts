import type { Column } from './batch.ts';
import { COLUMN_FLAG, type Extent, mergeFlags, OpenExtents, scanExtent } from './extent.ts';
import type { LevelPage } from './pyramid-level.ts';

/**
 * Min/max columns of some channels of a stream: `length` neighbouring columns of `n` = 2^k rows each, aligned to the row number, in one
 * stretch without a gap or anchor inside. Only the first and the last may have fewer rows. With n = 1 a column is a row.
 */
export interface ColumnBlock {
  n: number;
  /** Number of the first row. */
  firstRow: number;
  /** Rows in all columns. */
  rows: number;
  length: number;
  /** Regular: time of the first row; timed: what `timeS` counts from. ns since 1970. */
  t0Ns: bigint;
  /** Seconds from row to row; 0 if timed. */
  dtS: number;
  /** Time of the first row of each column; only if timed. */
  timeS: Float64Array<ArrayBuffer> | undefined;
  /** Per channel. NaN where no value is finite. With n = 1 `max` is the same arrays as `min`. */
  min: Column[];
  max: Column[];
  /** `COLUMN_FLAG` of each column, one row of `length` per channel; undefined if all are 0. */
  flags: Uint8Array<ArrayBuffer> | undefined;
  /** Rows are missing (or time starts anew) before the first row. */
  isAfterGap: boolean;
  /** More rows of the last column will come. */
  isPartial: boolean;
}

/** Number of the first row of a column of a block. */
export function columnRow(block: Pick<ColumnBlock, 'n' | 'firstRow'>, index: number): number {
  return index === 0 ? block.firstRow : (Math.floor(block.firstRow / block.n) + index) * block.n;
}

/** Rows in a column of a block. */
export function columnRows(block: Pick<ColumnBlock, 'n' | 'firstRow' | 'rows' | 'length'>, index: number): number {
  const end = index === block.length - 1 ? block.firstRow + block.rows : columnRow(block, index + 1);
  return end - columnRow(block, index);
}

/** Columns a stretch of rows makes. */
export function columnsIn(firstRow: number, rows: number, n: number): number {
  return rows === 0 ? 0 : Math.floor((firstRow + rows - 1) / n) - Math.floor(firstRow / n) + 1;
}

/** The largest 2^k that is not more than `rowsPerPixel`; 1 up to two rows a pixel. */
export function rowsPerColumn(rowsPerPixel: number): number {
  if (!(rowsPerPixel > 2)) return 1;
  return 2 ** Math.floor(Math.log2(Math.min(rowsPerPixel, 2 ** 31)));
}

/**
 * Min, max and flags of neighbouring blocks of rows, aligned to the row number and no larger than a column, side by side. The arrays are indexed like the
 * columns of their stream.
 */
export interface RowBlocks {
  blockRows: number;
  /** Time of the first row of a block. */
  timeS: (block: number) => number;
  min: readonly Column[];
  max: readonly Column[];
  flags: readonly Uint8Array[];
}

/** The stretch a block under construction belongs to. */
export interface Stretch {
  t0Ns: bigint;
  dtS: number;
  isTimed: boolean;
}

/**
 * Folds rows and pyramid entries, given in row order, into columns of one n, one block for each stretch without a gap.
 * `channels` are indices into the stream's columns, in the order wanted.
 */
export class ColumnBuilder {
  readonly n: number;
  readonly blocks: ColumnBlock[] = [];
  readonly #channels: readonly number[];
  readonly #isFloat64: boolean;
  readonly #stretchOf: (row: number) => Stretch;
  readonly #open: OpenExtents;
  readonly #found: Extent = { min: 0, max: 0, flags: 0 };
  #stretch: Stretch | undefined;
  #endRow = 0;
  #firstRow = 0;
  #isAfterGap = false;
  #times: number[] = [];
  #values: number[] = [];
  #flags: number[] = [];
  #length = 0;

  /** `stretchOf` gives the time base that holds from a row on; it is asked once per block. */
  constructor(n: number, channels: readonly number[], isFloat64: boolean, stretchOf: (row: number) => Stretch) {
    this.n = n;
    this.#channels = channels;
    this.#isFloat64 = isFloat64;
    this.#stretchOf = stretchOf;
    this.#open = new OpenExtents(channels.length);
  }

  /** Rows `from` to `to` of raw columns; `firstRow` is the number of row `from`. */
  addRows(
    columns: readonly Column[],
    from: number,
    to: number,
    firstRow: number,
    isAfterGap: boolean,
    timeS: (row: number) => number,
  ): void {
    for (let row = from; row < to; ) {
      const number = firstRow + row - from;
      const end = Math.min(to, row + this.n - (number % this.n));
      const isFirst = this.#begin(number, end - row, timeS(row), isAfterGap && row === from);
      for (let index = 0; index < this.#channels.length; index++) {
        scanExtent(columns[this.#channels[index] as number] as Column, row, end, this.#found);
        this.#open.merge(index, this.#found.min, this.#found.max, this.#found.flags, isFirst);
      }
      row = end;
    }
  }

  /** The rows [firstRow, endRow) by their blocks, the first of which is block `from`: no gap lies between them. */
  addBlocks(blocks: RowBlocks, from: number, firstRow: number, endRow: number, isAfterGap: boolean): void {
    const { blockRows } = blocks;
    const shift = from - Math.floor(firstRow / blockRows);
    for (let row = firstRow; row < endRow; ) {
      const next = Math.min(endRow, row + this.n - (row % this.n));
      const start = shift + Math.floor(row / blockRows);
      const end = shift + Math.ceil(next / blockRows);
      const isFirst = this.#begin(row, next - row, blocks.timeS(start), isAfterGap && row === firstRow);
      for (let index = 0; index < this.#channels.length; index++) {
        joinExtents(blocks, this.#channels[index] as number, start, end, this.#found);
        this.#open.merge(index, this.#found.min, this.#found.max, this.#found.flags, isFirst);
      }
      row = next;
    }
  }

  /** A closed entry of a pyramid level whose blocks are no larger than n. */
  addEntry(page: LevelPage, at: number): void {
    const isFirst = this.#begin(
      page.firstRow[at] as number,
      page.rows[at] as number,
      page.timeS?.[at] ?? 0,
      page.isAfterGap[at] === 1,
    );
    for (let index = 0; index < this.#channels.length; index++) {
      const channel = this.#channels[index] as number;
      const flags = page.flags[channel * page.capacity + at] as number;
      this.#open.merge(index, page.min[channel]?.[at] as number, page.max[channel]?.[at] as number, flags, isFirst);
    }
  }

  /** The open end of a pyramid level. */
  addOpen(open: OpenExtents): void {
    if (open.rows === 0) return;
    const isFirst = this.#begin(open.firstRow, open.rows, open.timeS, open.isAfterGap);
    for (let index = 0; index < this.#channels.length; index++) {
      const channel = this.#channels[index] as number;
      this.#open.merge(
        index,
        open.min[channel] as number,
        open.max[channel] as number,
        open.flags[channel] as number,
        isFirst,
      );
    }
  }

  /** The blocks; `isLive`: the last column is partial unless it is full. */
  finish(isLive: boolean): ColumnBlock[] {
    const isFull = (this.#open.firstRow + this.#open.rows) % this.n === 0;
    this.#closeColumn();
    this.#closeBlock();
    const last = this.blocks[this.blocks.length - 1];
    if (last) last.isPartial = isLive && !isFull;
    return this.blocks;
  }

  /** Opens or widens the column that holds the stretch; true if it was opened. */
  #begin(firstRow: number, rows: number, timeS: number, isAfterGap: boolean): boolean {
    const open = this.#open;
    const isApart = isAfterGap || firstRow !== this.#endRow || this.#stretch === undefined;
    if (open.rows > 0 && (isApart || Math.floor(firstRow / this.n) !== Math.floor(open.firstRow / this.n)))
      this.#closeColumn();
    if (isApart) {
      this.#closeBlock();
      this.#stretch = this.#stretchOf(firstRow);
      this.#firstRow = firstRow;
      this.#isAfterGap = isAfterGap;
    }
    const isFirst = open.rows === 0;
    open.begin(firstRow, rows, timeS, false);
    this.#endRow = firstRow + rows;
    return isFirst;
  }

  #closeColumn(): void {
    const open = this.#open;
    if (open.rows === 0) return;
    this.#length++;
    this.#times.push(open.timeS);
    for (let index = 0; index < this.#channels.length; index++) {
      this.#values.push(open.min[index] as number, open.max[index] as number);
      this.#flags.push(open.flags[index] as number);
    }
    open.clear();
  }

  #closeBlock(): void {
    const length = this.#length;
    const stretch = this.#stretch;
    if (length === 0 || !stretch) return;
    const count = this.#channels.length;
    const column =
      (offset: number) =>
      (index: number): Column => {
        const values = this.#isFloat64 ? new Float64Array(length) : new Float32Array(length);
        for (let at = 0; at < length; at++) values[at] = this.#values[(at * count + index) * 2 + offset] as number;
        return values;
      };
    const indices = this.#channels.map((_, index) => index);
    const min = indices.map(column(0));
    let flags: Uint8Array<ArrayBuffer> | undefined;
    if (this.#flags.some((flag) => flag !== 0)) {
      flags = new Uint8Array(length * count);
      for (let at = 0; at < length; at++) {
        for (let index = 0; index < count; index++)
          flags[index * length + at] = this.#flags[at * count + index] as number;
      }
    }
    this.blocks.push({
      n: this.n,
      firstRow: this.#firstRow,
      rows: this.#endRow - this.#firstRow,
      length,
      t0Ns: stretch.t0Ns,
      dtS: stretch.dtS,
      timeS: stretch.isTimed ? Float64Array.from(this.#times) : undefined,
      min,
      max: this.n === 1 ? min : indices.map(column(1)),
      flags,
      isAfterGap: this.#isAfterGap,
      isPartial: false,
    });
    this.#length = 0;
    this.#times = [];
    this.#values = [];
    this.#flags = [];
  }
}

/** Min, max and flags of blocks `from` to `to` of a channel taken together, into `into`. */
function joinExtents({ min, max, flags }: RowBlocks, channel: number, from: number, to: number, into: Extent): void {
  const lows = min[channel] as Column;
  const highs = max[channel] as Column;
  const marks = flags[channel] as Uint8Array;
  let low = lows[from] as number;
  let high = highs[from] as number;
  let mark = marks[from] as number;
  for (let at = from + 1; at < to; at++) {
    const nextLow = lows[at] as number;
    const nextHigh = highs[at] as number;
    if (nextLow < low || Number.isNaN(low)) low = nextLow;
    if (nextHigh > high || Number.isNaN(high)) high = nextHigh;
    mark = mergeFlags(mark, marks[at] as number);
  }
  into.min = low;
  into.max = high;
  into.flags = mark;
}

/** Whether any of the flags of a column marks a break in the trace. */
export function isBroken(flags: number): boolean {
  return (flags & (COLUMN_FLAG.gap | COLUMN_FLAG.missingAll)) !== 0;
}
