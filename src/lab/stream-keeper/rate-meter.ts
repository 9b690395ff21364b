/** Events each second, over about the last two seconds: slow streams show their rate, stopped ones go to 0. */
export class RateMeter {
  #startMs = Number.NaN;
  #count = 0;
  #rate = 0;
  #lastMs = Number.NaN;

  add(count: number, nowMs: number): void {
    if (Number.isNaN(this.#startMs)) this.#startMs = nowMs;
    else this.#count += count;
    this.#lastMs = nowMs;
    const passed = nowMs - this.#startMs;
    if (passed < 2_000) return;
    this.#rate = (this.#count * 1000) / passed;
    this.#startMs = nowMs;
    this.#count = 0;
  }

  /** 0 once nothing came for three times the expected spacing and two seconds. */
  rateHz(nowMs: number): number {
    const spacing = this.#rate > 0 ? 1000 / this.#rate : 0;
    if (nowMs - this.#lastMs > Math.max(2_000, 3 * spacing)) return 0;
    if (this.#rate > 0) return this.#rate;
    const passed = nowMs - this.#startMs;
    return passed > 0 ? (this.#count * 1000) / passed : 0;
  }
}
