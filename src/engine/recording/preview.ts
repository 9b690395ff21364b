import type { OverviewEntry } from './overview.ts';

/**
 * Min and max of some entries, in the order of time, over [firstNs, lastNs] in so many columns; null where there is nothing. An entry reaches to
 * the next one, unless there is a gap between them; the last one to the end.
 */
export function previewColumns(
  entries: readonly OverviewEntry[],
  firstNs: bigint,
  lastNs: bigint,
  columns: number,
): ([number, number] | null)[] {
  const found: ([number, number] | null)[] = new Array(columns).fill(null);
  const spanNs = Number(lastNs - firstNs) + 1;
  const indexOf = (timeNs: bigint): number => Math.floor((Number(timeNs - firstNs) / spanNs) * columns);
  for (const [number, entry] of entries.entries()) {
    const { min, max } = entry;
    if (Number.isNaN(min)) continue;
    const next = entries[number + 1];
    const first = indexOf(entry.tNs);
    let last = Math.max(first, indexOf(entry.lastNs));
    if (next && !next.isAfterGap) last = Math.max(last, indexOf(next.tNs) - 1);
    else if (!next) last = columns - 1;
    for (let at = Math.max(0, first); at <= Math.min(columns - 1, last); at++) {
      const column = found[at];
      found[at] = column ? [Math.min(column[0], min), Math.max(column[1], max)] : [min, max];
    }
  }
  return found;
}
