/** A difference of the clocks larger than this means that they are not the same clock; ms. */
const SAME_CLOCK_MS = 500;

/**
 * From the arrival of samples at the engine to their paint. Engine and screen mostly run on one machine and share its clock; where they do not,
 * the shortest way seen counts as nothing, so the figure is then without the way's least time.
 */
export class ScreenLatency {
  #waitingMs: number[] = [];
  #shortestMs = Number.POSITIVE_INFINITY;
  readonly #now: () => number;

  /** `now`: ms since 1970. */
  constructor(now: () => number = () => performance.timeOrigin + performance.now()) {
    this.#now = now;
  }

  /** Samples came in a frame; ns since 1970, engine time. */
  arrived(arrivedNs: bigint): void {
    const arrivedMs = Number(arrivedNs / 1000n) / 1000;
    this.#shortestMs = Math.min(this.#shortestMs, this.#now() - arrivedMs);
    if (this.#waitingMs.length < 64) this.#waitingMs.push(arrivedMs);
  }

  /** What waited is on the screen now: the latencies, ms. */
  painted(): number[] {
    if (this.#waitingMs.length === 0) return this.#waitingMs;
    const skewMs = this.#shortestMs < 0 || this.#shortestMs > SAME_CLOCK_MS ? this.#shortestMs : 0;
    const now = this.#now();
    const latencies = this.#waitingMs.map((arrivedMs) => now - arrivedMs - skewMs);
    this.#waitingMs = [];
    return latencies;
  }

  /** The clocks may have been set: the shortest way is measured anew. */
  calibrate(): void {
    this.#shortestMs = Number.POSITIVE_INFINITY;
  }
}
