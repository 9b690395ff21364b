import type { TraceColumns } from './trace-columns.ts';

/** Columns that stand for a stretch of time: the live watch, or one answer of history. */
export interface ColumnCover {
  /** What it speaks for, also where it holds nothing. s since the origin. */
  fromS: number;
  toS: number;
  /** Seconds a column stands for, about. */
  fineS: number;
  pieces(channel: string, fromS: number, toS: number): TraceColumns[];
}

/**
 * One trace from several covers: each stretch of the range from the first cover in the list that speaks for it. So an answer of history takes
 * the place of coarser columns when it comes, and until then the coarser ones are shown: nothing flickers.
 */
export function mixColumns(
  covers: readonly ColumnCover[],
  channel: string,
  fromS: number,
  toS: number,
): TraceColumns[] {
  let open: [number, number][] = [[fromS, toS]];
  const found: { at: number; pieces: TraceColumns[] }[] = [];
  for (const cover of covers) {
    if (open.length === 0) break;
    const left: [number, number][] = [];
    for (const [from, to] of open) {
      const start = Math.max(from, cover.fromS);
      const end = Math.min(to, cover.toS);
      if (!(end > start)) {
        left.push([from, to]);
        continue;
      }
      found.push({ at: start, pieces: cover.pieces(channel, start, end) });
      if (start > from) left.push([from, start]);
      if (end < to) left.push([end, to]);
    }
    open = left;
  }
  if (found.length === 1) return found[0]?.pieces ?? [];
  return found.sort((a, b) => a.at - b.at).flatMap((item) => item.pieces);
}

/** The order in which covers serve a view: fine enough first, the coarsest of these before finer ones; then the finer of the too coarse. */
export function rankCovers(covers: readonly ColumnCover[], secondsPerPx: number): ColumnCover[] {
  const fineEnough = (cover: ColumnCover): boolean => cover.fineS <= secondsPerPx * 1.01;
  return [...covers].sort((a, b) => {
    if (fineEnough(a) !== fineEnough(b)) return fineEnough(a) ? -1 : 1;
    return fineEnough(a) ? b.fineS - a.fineS : a.fineS - b.fineS;
  });
}
