/** How good the way to a client is. */
export const NETWORK_CONDITIONS = ['excellent', 'good', 'fair', 'poor', 'critical'] as const;
export type NetworkCondition = (typeof NETWORK_CONDITIONS)[number];

/** What is known of a way; undefined: not known yet, which speaks for nothing. */
export interface NetworkMeasure {
  roundTripMs: number | undefined;
  /** Bits a second that go through while more waits. */
  bitsPerS: number | undefined;
}

interface Bound {
  maxRoundTripMs: number;
  minBitsPerS: number;
}

const BOUNDS: readonly Bound[] = [
  { maxRoundTripMs: 10, minBitsPerS: 50e6 },
  { maxRoundTripMs: 50, minBitsPerS: 10e6 },
  { maxRoundTripMs: 150, minBitsPerS: 2e6 },
  { maxRoundTripMs: 400, minBitsPerS: 0.5e6 },
];

/** The best condition whose bounds hold for both figures. */
export function conditionOf({ roundTripMs, bitsPerS }: NetworkMeasure): NetworkCondition {
  const index = BOUNDS.findIndex(
    ({ maxRoundTripMs, minBitsPerS }) =>
      (roundTripMs ?? 0) < maxRoundTripMs && (bitsPerS ?? Number.POSITIVE_INFINITY) > minBitsPerS,
  );
  return NETWORK_CONDITIONS[index] ?? 'critical';
}

/** The condition with hysteresis: another one counts when it was seen so many times without a break. */
export class ConditionFilter {
  readonly #times: number;
  /** Wants the level that is the default, until something is known. */
  #condition: NetworkCondition = 'fair';
  #candidate: NetworkCondition | undefined;
  #seen = 0;

  constructor(times = 2) {
    this.#times = times;
  }

  get condition(): NetworkCondition {
    return this.#condition;
  }

  /** Takes one look; whether the condition changed. */
  see(measure: NetworkMeasure): boolean {
    if (measure.roundTripMs === undefined && measure.bitsPerS === undefined) return false;
    const now = conditionOf(measure);
    if (now === this.#condition) {
      this.#seen = 0;
      this.#candidate = undefined;
      return false;
    }
    this.#seen = now === this.#candidate ? this.#seen + 1 : 1;
    this.#candidate = now;
    if (this.#seen < this.#times) return false;
    this.#condition = now;
    this.#seen = 0;
    return true;
  }
}
