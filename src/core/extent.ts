import type { Column } from './batch.ts';

/** What a min/max column says beside its numbers. */
export const COLUMN_FLAG = {
  /** Rows are missing before the first row of it, or time starts anew. */
  gap: 1,
  /** At least one ±Infinity; it is in neither min nor max. */
  overload: 2,
  /** Some values are NaN. */
  missingSome: 4,
  /** All values are NaN. */
  missingAll: 8,
  /** The newest column of a live stream: more rows will come, it is sent again under its number. */
  partial: 16,
} as const;

/** Min and max of a stretch of one channel; both NaN if no value is finite. `flags`: overload, missing. */
export interface Extent {
  min: number;
  max: number;
  flags: number;
}

/**
 * Min and max of rows `from` to `to` into `into`. The loop is seeded with the first element, not with Infinity (three times faster);
 * only stretches that hold a NaN or an infinity are read again with care.
 */
export function scanExtent(column: Column, from: number, to: number, into: Extent): void {
  let min = column[from] ?? Number.NaN;
  let max = min;
  let isPlain = !Number.isNaN(min);
  for (let row = from + 1; row < to; row++) {
    const value = column[row] as number;
    if (value < min) min = value;
    if (value > max) max = value;
    if (Number.isNaN(value)) isPlain = false;
  }
  if (isPlain && min !== Number.NEGATIVE_INFINITY && max !== Number.POSITIVE_INFINITY) {
    into.min = min;
    into.max = max;
    into.flags = 0;
  } else scanCarefully(column, from, to, into);
}

function scanCarefully(column: Column, from: number, to: number, into: Extent): void {
  let min = Number.NaN;
  let max = Number.NaN;
  let missing = 0;
  let flags = 0;
  for (let row = from; row < to; row++) {
    const value = column[row] as number;
    if (Number.isNaN(value)) missing++;
    else if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) flags = COLUMN_FLAG.overload;
    else {
      if (!(value >= min)) min = value;
      if (!(value <= max)) max = value;
    }
  }
  if (missing > 0) flags |= missing === to - from ? COLUMN_FLAG.missingAll : COLUMN_FLAG.missingSome;
  into.min = min;
  into.max = max;
  into.flags = flags;
}

/** Flags of two neighbouring stretches taken together. */
export function mergeFlags(first: number, second: number): number {
  if ((first | second) === 0) return 0;
  const kept = (first | second) & (COLUMN_FLAG.overload | COLUMN_FLAG.gap);
  if (first & second & COLUMN_FLAG.missingAll) return kept | COLUMN_FLAG.missingAll;
  const missing = (first | second) & (COLUMN_FLAG.missingSome | COLUMN_FLAG.missingAll);
  return missing ? kept | COLUMN_FLAG.missingSome : kept;
}

/** Extents of all channels of a stretch of rows that grows: the open end of a pyramid level, or the column being built. */
export class OpenExtents {
  rows = 0;
  firstRow = 0;
  /** Time of the first row; s since whatever the owner counts from. */
  timeS = 0;
  /** Rows are missing before the first one. */
  isAfterGap = false;
  readonly min: Float64Array<ArrayBuffer>;
  readonly max: Float64Array<ArrayBuffer>;
  readonly flags: Uint8Array<ArrayBuffer>;

  constructor(channels: number) {
    this.min = new Float64Array(channels);
    this.max = new Float64Array(channels);
    this.flags = new Uint8Array(channels);
  }

  /** Adds a neighbouring stretch: call `begin` once, then `merge` for every channel. */
  begin(firstRow: number, rows: number, timeS: number, isAfterGap: boolean): void {
    if (this.rows === 0) {
      this.firstRow = firstRow;
      this.timeS = timeS;
      this.isAfterGap = isAfterGap;
    }
    this.rows += rows;
  }

  merge(channel: number, min: number, max: number, flags: number, isFirst: boolean): void {
    if (isFirst) {
      this.min[channel] = min;
      this.max[channel] = max;
      this.flags[channel] = flags;
      return;
    }
    const low = this.min[channel] as number;
    const high = this.max[channel] as number;
    if (min < low || Number.isNaN(low)) this.min[channel] = min;
    if (max > high || Number.isNaN(high)) this.max[channel] = max;
    this.flags[channel] = mergeFlags(this.flags[channel] as number, flags);
  }

  clear(): void {
    this.rows = 0;
  }
}
