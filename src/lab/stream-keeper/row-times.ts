import type { ArrivedRows } from './stream-spec.ts';

/** A row may be so far ahead of our clock: the mapping of the server's clock is not sure to the microsecond. */
const AHEAD_NS = 1_000_000_000n;

/**
 * Times that only grow and are not of the future: after a correction of the clock a row could seem older than the one before, and one wrong time far
 * ahead would hold back all that follow. The array itself where nothing is wrong, else a corrected copy.
 */
export function orderedTimes({ timesNs, rows }: ArrivedRows, lastNs: bigint | undefined, nowNs: bigint): BigInt64Array {
  const most = nowNs + AHEAD_NS;
  let before = lastNs ?? -(2n ** 63n);
  let corrected: BigInt64Array | undefined;
  for (let at = 0; at < rows; at++) {
    const time = timesNs[at] ?? 0n;
    let right = time > most ? nowNs : time;
    if (right <= before) right = before + 1n;
    if (right !== time) {
      corrected ??= timesNs.slice(0, rows);
      corrected[at] = right;
    }
    before = right;
  }
  return corrected ?? timesNs;
}

/** By how much times were corrected at most; s. 0 for the same array. */
export function movedS(before: BigInt64Array, after: BigInt64Array): number {
  if (before === after) return 0;
  let most = 0;
  for (let at = 0; at < after.length; at++)
    most = Math.max(most, Math.abs(Number((after[at] ?? 0n) - (before[at] ?? 0n))) / 1e9);
  return most;
}
