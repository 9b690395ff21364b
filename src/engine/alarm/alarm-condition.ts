import type { AlarmCondition } from '../../contract/alarm-schema.ts';

/**
 * Two questions of a condition: does a value raise it, and does a value clear it (the way back is longer by the hysteresis).
 * Values are as shown (after the channel's scale). ±Infinity is overload and compares as such; NaN (missing) answers no to both.
 */
export interface ValueTest {
  raises(value: number): boolean;
  clears(value: number): boolean;
}

/** Undefined for conditions that are about time, not about one value (`rate`, `silent`). */
export function createValueTest(condition: AlarmCondition, hysteresis: number): ValueTest | undefined {
  switch (condition.kind) {
    case 'above':
      return { raises: (value) => value > condition.limit, clears: (value) => value <= condition.limit - hysteresis };
    case 'below':
      return { raises: (value) => value < condition.limit, clears: (value) => value >= condition.limit + hysteresis };
    case 'inside':
      return {
        raises: (value) => value >= condition.low && value <= condition.high,
        clears: (value) => value < condition.low - hysteresis || value > condition.high + hysteresis,
      };
    case 'outside':
      return {
        raises: (value) => value < condition.low || value > condition.high,
        clears: (value) => value >= condition.low + hysteresis && value <= condition.high - hysteresis,
      };
    case 'rate':
    case 'silent':
      return undefined;
  }
}

/** Points kept of the window: the rate is judged that often per window. */
const WINDOW_POINTS = 64;

/**
 * |change| per second over a window, judged 64 times per window whatever the sample rate; memory is those 64 points.
 * Infinity while the newest or the oldest value of the window is an overload and the other is not.
 */
export class RateWindow {
  readonly #windowS: number;
  readonly #times: number[] = [];
  readonly #values: number[] = [];

  constructor(windowS: number) {
    this.#windowS = windowS;
  }

  /** The rate at `timeS` (any origin, rising), or undefined when it is not time to judge or the window is not full yet. */
  offer(timeS: number, value: number): number | undefined {
    const last = this.#times[this.#times.length - 1];
    if (Number.isNaN(value) || (last !== undefined && timeS - last < this.#windowS / WINDOW_POINTS)) return undefined;
    this.#times.push(timeS);
    this.#values.push(value);
    while (this.#times.length > 2 && timeS - (this.#times[1] ?? timeS) >= this.#windowS) {
      this.#times.shift();
      this.#values.shift();
    }
    const [time] = this.#times;
    const [old] = this.#values;
    if (time === undefined || old === undefined || timeS - time < this.#windowS) return undefined;
    if (!Number.isFinite(value) || !Number.isFinite(old)) return value === old ? 0 : Number.POSITIVE_INFINITY;
    return Math.abs(value - old) / (timeS - time);
  }

  /** After a gap the old values say nothing about the rate. */
  reset(): void {
    this.#times.length = 0;
    this.#values.length = 0;
  }
}
