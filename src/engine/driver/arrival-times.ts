/** Rows that came together are spread over the time since the bytes before, but no further back than this; s. */
const LONGEST_SPAN_S = 1;
/** A device clock that is off by more is one that was started anew; ms. */
const JUMP_MS = 2000;

/**
 * When rows were made, from when their bytes came: the rows of one piece are spread evenly over the time since the piece before. The uncertainty is
 * half that time.
 */
export class ArrivalTimes {
  #lastNs: bigint | undefined;
  #spanS = 0;

  /** A piece came; before `timesOf` for its rows. */
  arrived(atNs: bigint): void {
    const sinceS = this.#lastNs === undefined ? 0 : Number(atNs - this.#lastNs) / 1e9;
    this.#spanS = sinceS > LONGEST_SPAN_S ? 0 : sinceS;
    this.#lastNs = atNs;
  }

  /** Seconds against the arrival, the last row at it. */
  timesOf(rows: number): { timesS: Float64Array; uncertaintyS: number } {
    const timesS = Float64Array.from({ length: rows }, (_, row) => ((row + 1 - rows) / rows) * this.#spanS);
    return { timesS, uncertaintyS: this.#spanS / 2 };
  }
}

/**
 * The clock of a device that stamps its values, against ours: the shortest way a value has taken is taken for no way at all (one-way
 * minimum). A jump back, or far ahead, begins anew.
 */
export class DeviceClock {
  #offsetMs: number | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** Seconds of that moment against its arrival, 0 or less. */
  timeS(deviceMs: number, arrivedNs: bigint): number {
    const arrivedMs = Number(arrivedNs) / 1e6;
    const offset = arrivedMs - deviceMs;
    // A clock that went back and would make the value old is one that was started anew; one that is only late has been held up.
    const isAnew =
      this.#offsetMs === undefined ||
      offset < this.#offsetMs - JUMP_MS ||
      (deviceMs < this.#lastMs && offset > this.#offsetMs + JUMP_MS);
    this.#lastMs = isAnew ? deviceMs : Math.max(this.#lastMs, deviceMs);
    if (isAnew || this.#offsetMs === undefined || offset < this.#offsetMs) this.#offsetMs = offset;
    return (deviceMs + this.#offsetMs - arrivedMs) / 1000;
  }
}
