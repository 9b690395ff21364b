/** ISO-8601 UTC to the nanosecond: `2026-01-02T03:04:05.123456789Z`. */
export function isoTimestamp(timeNs: bigint): string {
  const second = 1_000_000_000n;
  // Towards the past also before 1970: the fraction counts forward.
  const fraction = ((timeNs % second) + second) % second;
  const wholeMs = Number((timeNs - fraction) / 1_000_000n);
  return `${new Date(wholeMs).toISOString().slice(0, 19)}.${fraction.toString().padStart(9, '0')}Z`;
}
