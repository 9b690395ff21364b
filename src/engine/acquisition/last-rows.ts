import type { Clock } from '../../core/clock.ts';

/** Open batches of fast streams come out within 16 ms; ms. */
const OUT_MS = 40;

/** Resolves when rows that were measured until now have gone through the fan: before it, a recording that ends would lack the last of them. */
export function lastRowsOut(clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.after(OUT_MS, resolve));
}
