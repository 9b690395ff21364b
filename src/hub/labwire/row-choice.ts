import type { RowPage } from '../../core/ring.ts';

/** One row in a page. */
export interface PlacedRow {
  page: RowPage;
  index: number;
}

/**
 * Of rows that cannot all go out, at most `allowed` that show most: the lowest and the highest of each channel, in their order; `withLast` the newest as well.
 * `columns`: indices of the channels. `turn` says which channel and which of its ends comes first, so that few rows do not always show the same.
 */
export function chooseRows(
  rows: readonly PlacedRow[],
  columns: readonly number[],
  allowed: number,
  turn: number,
  withLast = false,
): PlacedRow[] {
  if (rows.length <= allowed) return [...rows];
  const chosen = new Set<number>();
  if (withLast) chosen.add(rows.length - 1);
  for (let step = 0; step < columns.length * 2 && chosen.size < allowed; step++) {
    const at = (turn + step) % (columns.length * 2);
    const column = columns[at >> 1];
    if (column !== undefined) chosen.add(extreme(rows, column, at % 2 === 0));
  }
  if (chosen.size === 0) chosen.add(rows.length - 1);
  return [...chosen].sort((one, other) => one - other).flatMap((index) => rows[index] ?? []);
}

/** Index of the lowest or highest value; missing ones are neither. */
function extreme(rows: readonly PlacedRow[], column: number, isLowest: boolean): number {
  let best = 0;
  let bestValue = Number.NaN;
  rows.forEach(({ page, index }, at) => {
    const value = page.columns[column]?.[index] ?? Number.NaN;
    if (Number.isNaN(value)) return;
    if (Number.isNaN(bestValue) || (isLowest ? value < bestValue : value > bestValue)) {
      bestValue = value;
      best = at;
    }
  });
  return best;
}
