/** Rows of a long list that are in the page, in order: those looked at with some around them, and those that are kept whatever is looked at. */
export interface RowWindow {
  /** Indices, ascending. */
  rows: number[];
  /** Height of what is left out before the row of the same place in `rows`, and behind the last; px. */
  gaps: number[];
}

/** What is looked at of a list: from where on and how much; px. */
export interface RowView {
  top: number;
  height: number;
}

/** So many rows before and behind those looked at are there already when they are scrolled to. */
const AROUND = 15;

/** `heightOf`: of a row as measured, or as guessed. `kept`: the row that has the focus must stay, with its neighbours. */
export function rowWindow(
  count: number,
  heightOf: (index: number) => number,
  { top, height }: RowView,
  kept: readonly number[] = [],
): RowWindow {
  const ends = new Float64Array(count);
  let end = 0;
  let first = count;
  let last = -1;
  for (let index = 0; index < count; index++) {
    const start = end;
    end += heightOf(index);
    ends[index] = end;
    if (end > top && start < top + height) {
      first = Math.min(first, index);
      last = index;
    }
  }
  // Looked at behind the end, as after a search that found less: the last ones.
  if (last < 0) {
    first = count - 1;
    last = count - 1;
  }
  const chosen = new Set(kept.filter((index) => index >= 0 && index < count));
  for (let index = Math.max(0, first - AROUND); index <= Math.min(count - 1, last + AROUND); index++) chosen.add(index);
  const rows = [...chosen].sort((a, b) => a - b);
  const endOf = (index: number): number => (index < 0 ? 0 : (ends[index] ?? 0));
  const gaps = rows.map((index, at) => endOf(index - 1) - endOf(rows[at - 1] ?? -1));
  gaps.push(end - endOf(rows.at(-1) ?? -1));
  return { rows, gaps };
}
