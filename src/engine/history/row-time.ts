import type { Pyramid } from '../../core/pyramid.ts';
import { lastAtOrBefore } from '../../core/pyramid-level.ts';
import type { RowRing } from '../../core/ring.ts';
import type { Run } from './run-table.ts';

/** What is kept of a timed stream. */
export interface TimedRows {
  ring: RowRing;
  pyramid: Pyramid | undefined;
  /** What the pyramid's times count from. */
  originNs: bigint;
}

/** First row of a timed stream at or after `timeS` (since its origin) within a run; bisected in the finest of what is kept. */
export function timedRowAt(stream: TimedRows, run: Run, timeS: number): number {
  const { pages } = stream.ring;
  const shiftOf = (index: number): number => Number((pages[index]?.t0Ns ?? 0n) - stream.originNs) / 1e9;
  const firstTime = (index: number): number => (pages[index]?.timeS?.[0] ?? 0) + shiftOf(index);
  if (pages.length > 0 && firstTime(0) <= timeS) {
    const at = lastAtOrBefore(pages.length, firstTime, timeS);
    const page = pages[at];
    const times = page?.timeS;
    if (!page || !times) return run.firstRow;
    const shiftS = shiftOf(at);
    // Shifting by a float may be off by less than a nanosecond.
    const row = lastAtOrBefore(page.rows, (index) => (times[index] ?? 0) + shiftS, timeS + 5e-10);
    const isAt = Math.abs((times[row] ?? 0) + shiftS - timeS) <= 5e-10;
    return Math.max(run.firstRow, page.firstRow + row + (isAt ? 0 : 1));
  }
  for (const level of stream.pyramid?.levels ?? []) {
    const first = level.pages[0]?.timeS?.[0];
    if (first === undefined || first > timeS) continue;
    const page = level.pages[lastAtOrBefore(level.pages.length, (index) => level.pages[index]?.timeS?.[0] ?? 0, timeS)];
    if (!page) continue;
    const at = lastAtOrBefore(page.length, (index) => page.timeS?.[index] ?? 0, timeS);
    return Math.max(run.firstRow, page.firstRow[at] ?? 0);
  }
  return run.firstRow;
}
