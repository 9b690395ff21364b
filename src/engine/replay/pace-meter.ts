/** How fast time of the recording passes against real time, over about the last second. */
export class PaceMeter {
  readonly #spanMs: number;
  #marks: { ms: number; ns: bigint }[] = [];

  constructor(spanMs = 1000) {
    this.#spanMs = spanMs;
  }

  /** Times real time; 0 before two marks. */
  get speed(): number {
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    return first && last && last.ms > first.ms ? Number(last.ns - first.ns) / 1e6 / (last.ms - first.ms) : 0;
  }

  /** Where the replay is at a moment of real time. */
  mark(ms: number, ns: bigint): void {
    this.#marks.push({ ms, ns });
    while (this.#marks.length > 2 && ms - (this.#marks[1]?.ms ?? ms) >= this.#spanMs) this.#marks.shift();
  }

  /** It begins anew, or stands. */
  reset(): void {
    this.#marks = [];
  }
}
