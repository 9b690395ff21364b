import type { Column } from '../../core/batch.ts';
import { layTimes, NO_TIME } from './int64-times.ts';
import type { GroupColumn } from './parquet-file.ts';
import type { PageContent } from './parquet-page.ts';
import type { TableBlock, TableColumn } from './table.ts';

/** A group holds so much of a table in memory, or so many rows. */
const GROUP_BYTES = 24 << 20;
const MOST_ROWS = 131_072;
const FEWEST_ROWS = 1024;

/** Rows of a table gathered for one row group. */
export class ParquetGroup {
  readonly capacity: number;
  readonly #times: BigInt64Array;
  readonly #values: (Column | BigInt64Array)[];
  readonly #levels: Uint8Array;
  rows = 0;

  constructor(columns: readonly TableColumn[]) {
    const fitting = Math.floor(GROUP_BYTES / (8 * (columns.length + 1)));
    this.capacity = Math.max(FEWEST_ROWS, Math.min(MOST_ROWS, fitting));
    this.#times = new BigInt64Array(this.capacity);
    this.#levels = new Uint8Array(Math.ceil(this.capacity / 8));
    this.#values = columns.map(({ kind, isFloat64 }) => {
      if (kind === 'time') return new BigInt64Array(this.capacity);
      return isFloat64 ? new Float64Array(this.capacity) : new Float32Array(this.capacity);
    });
  }

  /** Takes rows of a block from `from` on, as many as fit; gives their number. */
  add({ rows, baseNs, timesNs, columns }: TableBlock, from: number): number {
    const count = Math.min(rows - from, this.capacity - this.rows);
    layTimes(this.#times, this.rows, baseNs, timesNs.subarray(from, from + count), count);
    for (const [index, values] of this.#values.entries()) {
      const column = (columns[index] as Column).subarray(from, from + count);
      if (values instanceof BigInt64Array) layTimes(values, this.rows, baseNs, column, count);
      else values.set(column, this.rows);
    }
    this.rows += count;
    return count;
  }

  clear(): void {
    this.rows = 0;
  }

  time(): GroupColumn {
    const values = this.#times.subarray(0, this.rows);
    return { ...this.#page(values, this.rows, false), least: values[0], most: latest(values) };
  }

  /** The column at an index; its values are brought together in place, so that each column is asked for once. The levels are lent until the next. */
  column(index: number): GroupColumn {
    const values = this.#values[index] as Column | BigInt64Array;
    const count = values instanceof BigInt64Array ? this.#joinTimes(values) : this.#join(values);
    const present = values.subarray(0, count);
    const { least, most } = present instanceof BigInt64Array ? { least: undefined, most: undefined } : extent(present);
    return { ...this.#page(present, count, count < this.rows), least, most };
  }

  #page(values: Column | BigInt64Array, count: number, hasLevels: boolean): PageContent {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return { rows: this.rows, values: bytes, count, levels: hasLevels ? this.#levels : undefined };
  }

  /** Brings the values that are there to the front. */
  #join(values: Column): number {
    const levels = this.#levels;
    levels.fill(0);
    let count = 0;
    for (let row = 0; row < this.rows; row++) {
      const value = values[row] as number;
      if (Number.isNaN(value)) continue;
      values[count++] = value;
      levels[row >> 3] = (levels[row >> 3] as number) | (1 << (row & 7));
    }
    return count;
  }

  #joinTimes(values: BigInt64Array): number {
    const levels = this.#levels;
    levels.fill(0);
    let count = 0;
    for (let row = 0; row < this.rows; row++) {
      const value = values[row] as bigint;
      if (value === NO_TIME) continue;
      values[count++] = value;
      levels[row >> 3] = (levels[row >> 3] as number) | (1 << (row & 7));
    }
    return count;
  }
}

/** Rows mostly ascend; where they do not, none is later than this one. */
function latest(values: BigInt64Array): bigint | undefined {
  let last = values[values.length - 1];
  for (const value of values) if (last !== undefined && value > last) last = value;
  return last;
}

/** Least and greatest. Zero is −0 as the least and +0 as the greatest, as the format wants it. */
function extent(values: Column): { least: number | undefined; most: number | undefined } {
  if (values.length === 0) return { least: undefined, most: undefined };
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return { least: least === 0 ? -0 : least, most: most === 0 ? 0 : most };
}
