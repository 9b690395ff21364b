/** A time of ours as LabLink tells it: ISO 8601, UTC, with µs: `2025-11-13T14:30:22.123456Z`. */
export function isoTime(timeNs: bigint): string {
  const us = timeNs / 1000n;
  const ms = Number(us / 1000n);
  const rest = String(us % 1000n).padStart(3, '0');
  return `${new Date(ms).toISOString().slice(0, -1)}${rest}Z`;
}

/** The same of ms since 1970; null for none. */
export function isoTimeOfMs(ms: number | undefined): string | null {
  return ms === undefined ? null : isoTime(BigInt(Math.round(ms * 1000)) * 1000n);
}

/** As labwire.1 tells it: ISO 8601, UTC, with ms. */
export function isoOf(ns: bigint): string {
  return new Date(Number(ns / 1_000_000n)).toISOString();
}

/** µs since 1970. */
export function microsOf(ns: bigint): number {
  return Number(ns / 1000n);
}
