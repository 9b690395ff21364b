/** Seconds looked back on. */
const SPAN_S = 5;

/** Events a second over the last whole seconds, at most five. */
export class RateMeter {
  readonly #beginS: number;
  readonly #counts = new Array<number>(SPAN_S + 1).fill(0);
  #atS: number;

  constructor(nowMs: number) {
    this.#beginS = Math.floor(nowMs / 1000);
    this.#atS = this.#beginS;
  }

  count(nowMs: number): void {
    this.#move(nowMs);
    const index = this.#atS % this.#counts.length;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  perS(nowMs: number): number {
    this.#move(nowMs);
    const seconds = Math.min(SPAN_S, this.#atS - this.#beginS);
    if (seconds === 0) return this.#counts[this.#atS % this.#counts.length] ?? 0;
    let sum = 0;
    for (let back = 1; back <= seconds; back++) sum += this.#counts[(this.#atS - back) % this.#counts.length] ?? 0;
    return sum / seconds;
  }

  #move(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const passed = Math.min(this.#counts.length, second - this.#atS);
    for (let step = 1; step <= passed; step++) this.#counts[(second - passed + step) % this.#counts.length] = 0;
    this.#atS = Math.max(this.#atS, second);
  }
}
