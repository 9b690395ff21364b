import { roundRange, type YRange } from './round-range.ts';

/** How calm an axis is. */
export interface CalmOptions {
  /** Free part kept above and below the data; of the data's span. */
  margin?: number;
  /** Data smaller than this part of the axis make it shrink … */
  shrinkBelow?: number;
  /** … after they have been so for this long; ms. */
  shrinkAfterMs?: number;
}

/**
 * A y axis that grows at once when data leave it and shrinks only after they have been small for a while, always to round limits:
 * it stands still while the data move inside.
 *
 *     const axis = new CalmRange();
 *     axis.update(extent.low, extent.high, smallest, nowMs);  // → axis.range
 */
export class CalmRange {
  range: YRange | undefined;
  readonly #margin: number;
  readonly #shrinkBelow: number;
  readonly #shrinkAfterMs: number;
  #smallSinceMs: number | undefined;

  constructor(options: CalmOptions = {}) {
    this.#margin = options.margin ?? 0.06;
    this.#shrinkBelow = options.shrinkBelow ?? 0.55;
    this.#shrinkAfterMs = options.shrinkAfterMs ?? 1500;
  }

  /** Forgets: the next data decide at once (another window, another set of channels). */
  reset(): void {
    this.range = undefined;
    this.#smallSinceMs = undefined;
  }

  /** Lowest and highest sample in view (`low > high`: none, the axis stays). `smallest`: span never gone below, so that the last digit's noise does not fill the plot. */
  update(low: number, high: number, smallest: number, nowMs: number): YRange | undefined {
    if (!(high >= low)) return this.range;
    const wanted = roundRange(low, high, this.#margin, smallest);
    const now = this.range;
    if (!now || low < now.low || high > now.high) {
      // Growing keeps what the other side had, so that a rising signal moves one limit only.
      this.range = now && overlap(now, wanted) ? roundUnion(now, wanted, low, high) : wanted;
      this.#smallSinceMs = undefined;
    } else if (wanted.high - wanted.low < (now.high - now.low) * this.#shrinkBelow) {
      this.#smallSinceMs ??= nowMs;
      if (nowMs - this.#smallSinceMs >= this.#shrinkAfterMs) {
        this.range = wanted;
        this.#smallSinceMs = undefined;
      }
    } else this.#smallSinceMs = undefined;
    return this.range;
  }
}

function overlap(a: YRange, b: YRange): boolean {
  return a.low < b.high && b.low < a.high;
}

/** Both ranges together, unless the old one is much too large already. */
function roundUnion(now: YRange, wanted: YRange, low: number, high: number): YRange {
  const union = { low: Math.min(now.low, wanted.low), high: Math.max(now.high, wanted.high) };
  return high - low < (union.high - union.low) * 0.4 ? wanted : union;
}
