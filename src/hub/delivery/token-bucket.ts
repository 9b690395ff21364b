/** So many at once, then so many a second. Time comes from outside, in ms of one clock. */
export class TokenBucket {
  #capacity: number;
  #perS: number;
  #tokens: number;
  #atMs: number;

  constructor(capacity: number, perS: number, nowMs: number) {
    this.#capacity = capacity;
    this.#perS = perS;
    this.#tokens = capacity;
    this.#atMs = nowMs;
  }

  /** Takes one; false when there is none. */
  take(nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Whether one could be taken. */
  has(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens >= 1;
  }

  /** ms until one can be taken; 0 if now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens >= 1 ? 0 : ((1 - this.#tokens) / this.#perS) * 1000;
  }

  /** Other numbers from now on; what has gathered stays, up to the new capacity. */
  change(capacity: number, perS: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#capacity = capacity;
    this.#perS = perS;
    this.#tokens = Math.min(capacity, this.#tokens);
  }

  #fill(nowMs: number): void {
    const gathered = ((nowMs - this.#atMs) / 1000) * this.#perS;
    // A sum of fractions may stop just below the 1 that was promised by waitMs.
    this.#tokens = Math.min(this.#capacity, this.#tokens + Math.max(0, gathered));
    if (this.#tokens < 1 && this.#tokens > 1 - 1e-9) this.#tokens = 1;
    this.#atMs = nowMs;
  }
}
