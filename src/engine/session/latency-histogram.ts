/** Upper edges of the buckets, ms: powers of two from 2⁻⁴ (62.5 µs) to 2¹⁷ (131 s); what takes longer is counted in the last. */
export const LATENCY_EDGES_MS: readonly number[] = Array.from({ length: 22 }, (_, index) => 2 ** (index - 4));

/** Round trips counted by powers of two: a fixed number of counters, whatever was measured. */
export class LatencyHistogram {
  readonly #counts = new Array<number>(LATENCY_EDGES_MS.length).fill(0);

  add(ms: number): void {
    const exponent = Math.ceil(Math.log2(Math.max(ms, 2 ** -10))) + 4;
    const index = Math.min(Math.max(exponent, 0), this.#counts.length - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  get counts(): number[] {
    return [...this.#counts];
  }

  /** Upper edge of the bucket that `share` (0…1) of the round trips do not exceed, ms; 0: nothing was measured. */
  quantileMs(share: number): number {
    return quantileMs(this.#counts, share);
  }
}

/** As `LatencyHistogram.quantileMs`, of counts that were added up elsewhere. */
export function quantileMs(counts: readonly number[], share: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 0;
  let seen = 0;
  const index = counts.findIndex((count) => {
    seen += count;
    return seen >= total * share && count > 0;
  });
  return LATENCY_EDGES_MS[index < 0 ? counts.length - 1 : index] ?? 0;
}
