import { STEP_S } from './two-way-offset.ts';

const BUCKET_S = 5;
const BUCKETS = 12;
/** A drift is computed from so many buckets on. */
const DRIFT_BUCKETS = 6;
/** No quartz is worse. */
const MOST_DRIFT = 500e-6;
const DELAYS = 256;
/** A delay this long is none: the server's clock was set back. */
const SET_BACK_S = 60;

interface Bucket {
  startS: number;
  /** The quickest message of the bucket: when it came, and its offset. */
  atS: number;
  most: number;
}

/**
 * Offset from messages that only carry the server's time: each is late by an unknown delay, so the one that seems least late in the last minute is nearest to the
 * truth. The drift is the regression over the least late of each five seconds.
 */
export class OneWayOffset {
  #buckets: Bucket[] = [];
  readonly #recent = new Float64Array(DELAYS);
  #count = 0;
  #doubt: number | undefined;

  /** `nowS` monotonic; `offsetS` = stamp − arrival; true: the clock stepped. `appliedS`: the offset in use. */
  add(nowS: number, offsetS: number, appliedS: number | undefined): boolean {
    const isOff = appliedS !== undefined && (offsetS > appliedS + STEP_S || offsetS < appliedS - SET_BACK_S);
    const doubt = this.#doubt;
    this.#doubt = isOff ? offsetS : undefined;
    if (isOff) {
      if (doubt === undefined || Math.abs(doubt - offsetS) > 1) return false;
      this.reset();
    }
    this.#recent[this.#count++ % DELAYS] = offsetS;
    const last = this.#buckets.at(-1);
    if (last && nowS - last.startS < BUCKET_S) {
      if (offsetS > last.most) {
        last.most = offsetS;
        last.atS = nowS;
      }
    } else this.#buckets.push({ startS: nowS, atS: nowS, most: offsetS });
    while (this.#buckets.length > 0 && nowS - (this.#buckets[0]?.startS ?? nowS) > BUCKET_S * BUCKETS)
      this.#buckets.shift();
    return isOff || appliedS === undefined;
  }

  /** The offset as of now; undefined without messages in the last minute. */
  best(nowS: number): { offsetS: number; uncertaintyS: number } | undefined {
    if (this.#buckets.length === 0) return undefined;
    const drift = this.#drift();
    let offsetS = Number.NEGATIVE_INFINITY;
    for (const { atS, most } of this.#buckets) offsetS = Math.max(offsetS, most + drift * (nowS - atS));
    return { offsetS, uncertaintyS: this.#spread(offsetS) };
  }

  reset(): void {
    this.#buckets = [];
    this.#count = 0;
    this.#doubt = undefined;
  }

  #drift(): number {
    const count = this.#buckets.length;
    if (count < DRIFT_BUCKETS) return 0;
    const meanAt = this.#buckets.reduce((sum, { atS }) => sum + atS, 0) / count;
    const meanMost = this.#buckets.reduce((sum, { most }) => sum + most, 0) / count;
    let above = 0;
    let below = 0;
    for (const { atS, most } of this.#buckets) {
      above += (atS - meanAt) * (most - meanMost);
      below += (atS - meanAt) ** 2;
    }
    return below === 0 ? 0 : Math.max(-MOST_DRIFT, Math.min(MOST_DRIFT, above / below));
  }

  /** 95 of 100 messages are later than the quickest by no more than that. */
  #spread(offsetS: number): number {
    const delays = this.#recent.subarray(0, Math.min(this.#count, DELAYS)).slice().sort();
    // Ascending offsets: the latest message is the first.
    const late = delays[Math.floor(delays.length * 0.05)] ?? offsetS;
    return Math.max(0, offsetS - late);
  }
}
