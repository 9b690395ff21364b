import { COLUMN_FLAG } from '../../core/extent.ts';
import { firstColumnAt, type TraceColumns } from './trace-columns.ts';

/** What a trace reads at a time. Values are samples, before the channel's scale; NaN: nothing there (a gap, or outside the data). */
export interface TraceReading {
  low: number;
  high: number;
  /** The line drawn: middle of low and high. */
  value: number;
  overload: boolean;
}

const NOTHING: TraceReading = { low: Number.NaN, high: Number.NaN, value: Number.NaN, overload: false };

/**
 * The reading at a time: of the column that covers it; between single samples the nearer one, unless a gap lies between.
 * `reachS`: how far from a sample it still counts at the ends of the data.
 */
export function readTrace(pieces: readonly TraceColumns[], timeS: number, reachS: number): TraceReading {
  let best: { columns: TraceColumns; index: number; distance: number } | undefined;
  for (const columns of pieces) {
    const after = firstColumnAt(columns, timeS);
    for (const index of [after - 1, after]) {
      if (index < columns.start || index >= columns.end) continue;
      const start = columns.times[index] as number;
      const distance = timeS < start ? start - timeS : Math.max(0, timeS - start - columns.spanS);
      if (!best || distance < best.distance) best = { columns, index, distance };
    }
  }
  if (!best) return NOTHING;
  const { columns, index, distance } = best;
  const outside = distance > reachS && !isBetween(columns, timeS);
  if (outside || inGap(columns, timeS, distance)) return NOTHING;
  const low = columns.lows[index] as number;
  const high = columns.highs[index] as number;
  const overload = ((columns.flags[index] as number) & COLUMN_FLAG.overload) !== 0;
  return { low, high, value: (low + high) / 2, overload };
}

/** The last finite value before a time; NaN if there is none. */
export function lastValue(pieces: readonly TraceColumns[], timeS: number): number {
  for (const columns of [...pieces].reverse()) {
    for (let index = firstColumnAt(columns, timeS) - 1; index >= columns.start; index--) {
      const middle = ((columns.lows[index] as number) + (columns.highs[index] as number)) / 2;
      if (Number.isFinite(middle)) return middle;
    }
  }
  return Number.NaN;
}

function isBetween(columns: TraceColumns, timeS: number): boolean {
  return timeS >= (columns.times[columns.start] as number) && timeS <= (columns.times[columns.end - 1] as number);
}

/** A gap begins after the column before the time: nothing is known there. */
function inGap(columns: TraceColumns, timeS: number, distance: number): boolean {
  if (distance === 0) return false;
  const after = firstColumnAt(columns, timeS);
  return after < columns.end && after > columns.start && ((columns.flags[after] as number) & COLUMN_FLAG.gap) !== 0;
}

/** A row of the cursor table. */
export interface CursorRow {
  id: string;
  a: number;
  b: number;
  /** b − a; NaN if either is missing. */
  delta: number;
}

export interface CursorReadout {
  /** |B − A|; s. */
  deltaS: number;
  /** 1/Δt; Infinity at Δt = 0. Hz. */
  rateHz: number;
  rows: CursorRow[];
}

/** Δt, 1/Δt and Δy per trace; values in shown units. `read` gives the shown value of a trace at a time. */
export function cursorReadout(
  aS: number,
  bS: number,
  ids: readonly string[],
  read: (id: string, timeS: number) => number,
): CursorReadout {
  const deltaS = bS - aS;
  return {
    deltaS,
    rateHz: 1 / Math.abs(deltaS),
    rows: ids.map((id) => {
      const a = read(id, aS);
      const b = read(id, bS);
      return { id, a, b, delta: b - a };
    }),
  };
}
