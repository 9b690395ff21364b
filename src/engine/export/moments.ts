import type { Column } from '../../core/batch.ts';

/*
 * When a polled row was sent for and received. Its time is the middle of both, rounded down, and its uncertainty half the way between them
 * (`TimedStream`): so both come out as whole ns.
 */

/** When rows were sent for, or received: whole ns since the base. */
export function momentsOf(timesNs: Float64Array, halfS: Column | undefined, isSent: boolean): Float64Array {
  return timesNs.map((timeNs, row) => {
    const spanNs = Math.round((halfS?.[row] ?? Number.NaN) * 2e9);
    return isSent ? timeNs - Math.floor(spanNs / 2) : timeNs + Math.ceil(spanNs / 2);
  });
}

/** Both, into two columns one behind the other. */
export function writeMoments(columns: readonly Column[], to: number, at: number, timeNs: number, halfS: number): void {
  const spanNs = Math.round(halfS * 2e9);
  (columns[to] as Column)[at] = timeNs - Math.floor(spanNs / 2);
  (columns[to + 1] as Column)[at] = timeNs + Math.ceil(spanNs / 2);
}
