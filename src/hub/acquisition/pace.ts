/** A row this much of an interval too early still counts for its turn: rows of an instrument jitter. */
const EARLY = 0.25;

/** Which rows of a source a client gets that asked for one per interval: the first of each turn. Rows faster than that are left out, slower ones all go. */
export class Pace {
  #intervalNs: bigint;
  #beginNs: bigint | undefined;
  #turn = -1n;

  constructor(intervalMs: number) {
    this.#intervalNs = toNs(intervalMs);
  }

  change(intervalMs: number): void {
    this.#intervalNs = toNs(intervalMs);
    this.#beginNs = undefined;
    this.#turn = -1n;
  }

  /** Whether the row of this time goes. */
  take(timeNs: bigint): boolean {
    // Time that goes back (another epoch) begins anew.
    if (this.#beginNs === undefined || timeNs < this.#beginNs) {
      this.#beginNs = timeNs;
      this.#turn = 0n;
      return true;
    }
    const early = BigInt(Math.round(Number(this.#intervalNs) * EARLY));
    const turn = (timeNs - this.#beginNs + early) / this.#intervalNs;
    if (turn <= this.#turn) return false;
    this.#turn = turn;
    return true;
  }
}

function toNs(ms: number): bigint {
  return BigInt(Math.max(1, Math.round(ms * 1e6)));
}
