/**
 * Min/max columns of one trace in time order, laid over arrays that their store owns: valid until the store changes, never written here.
 * `flags` are `COLUMN_FLAG` of core/extent.ts. A column covers `rows` rows; with one row `lows` and `highs` may be the same array. NaN: no value. Values are samples, before the channel's scale.
 */
export interface TraceColumns {
  /** First column in the arrays, and the one after the last. */
  start: number;
  end: number;
  /** Time of the first row of each column; s since the plot's origin. */
  times: Float64Array;
  lows: Float32Array | Float64Array;
  highs: Float32Array | Float64Array;
  flags: Uint8Array;
  /** Number of the first row of each column; absent where columns of several streams are mixed. */
  firstRows?: Float64Array;
  /** Rows per column. */
  rows: number;
  /** Time a column covers; s. 0 where rows are single or unevenly timed. */
  spanS: number;
  /** Another stream of the channel ended before: what lies between is a gap. */
  opensGap?: boolean;
}

/** Where the columns of a trace come from. */
export interface TraceSource {
  /**
   * Pieces that cover `fromS`…`toS` as well as this screen can, in time order and without overlap, each to be drawn
   * with the neighbouring column outside, so that lines leave the view.
   */
  pieces(fromS: number, toS: number): readonly TraceColumns[];
  /** Grows whenever `pieces` may answer differently. */
  readonly revision: number;
  /** Earliest time at which the trace is different from what it was at a revision; −Infinity: everywhere, Infinity: nowhere. */
  changedFromS(revision: number): number;
}

/** Index of the first column at or after `timeS`; `end` if there is none. */
export function firstColumnAt(columns: TraceColumns, timeS: number): number {
  let low = columns.start;
  let high = columns.end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((columns.times[middle] ?? 0) < timeS) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Smallest and largest finite sample between two times; `low > high` where there is none. */
export function extentOf(pieces: readonly TraceColumns[], fromS: number, toS: number): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const columns of pieces) {
    const { lows, highs } = columns;
    const end = firstColumnAt(columns, toS);
    for (let index = firstColumnAt(columns, fromS - columns.spanS); index < end; index++) {
      const a = lows[index] as number;
      const b = highs[index] as number;
      // NaN fails both comparisons; overload is no number to scale an axis by.
      if (a < low && a !== Number.NEGATIVE_INFINITY) low = a;
      if (b > high && b !== Number.POSITIVE_INFINITY) high = b;
    }
  }
  return { low, high };
}
