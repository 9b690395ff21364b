/**
 * Count, least, greatest, mean and standard deviation of a stream of samples, in one pass (Welford 1962), so that a mean of 10 V with
 * microvolts of noise keeps its digits. Missing and overload are not counted.
 */
export class Statistics {
  count = 0;
  min = Number.NaN;
  max = Number.NaN;
  mean = Number.NaN;
  #squares = 0;

  add(value: number): void {
    if (!Number.isFinite(value)) return;
    this.count++;
    if (this.count === 1) {
      this.min = value;
      this.max = value;
      this.mean = value;
      this.#squares = 0;
      return;
    }
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    const before = value - this.mean;
    this.mean += before / this.count;
    this.#squares += before * (value - this.mean);
  }

  /** Standard deviation of the samples (n − 1); NaN of fewer than two. */
  get deviation(): number {
    return this.count < 2 ? Number.NaN : Math.sqrt(this.#squares / (this.count - 1));
  }

  reset(): void {
    this.count = 0;
    this.min = Number.NaN;
    this.max = Number.NaN;
    this.mean = Number.NaN;
    this.#squares = 0;
  }
}
