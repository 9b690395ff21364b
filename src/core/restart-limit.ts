/**
 * Says whether something that ended unasked is started again: at most `limit` times in any `windowMs`. Pure: the time is handed in.
 *
 *     const wait = restarts.next(performance.now());
 *     if (wait === undefined) giveUp(); else setTimeout(start, wait);
 */
export class RestartLimit {
  readonly limit: number;
  readonly windowMs: number;
  #endsMs: number[] = [];

  constructor({ limit = 5, windowMs = 60_000 }: { limit?: number; windowMs?: number } = {}) {
    this.limit = limit;
    this.windowMs = windowMs;
  }

  /** Counts one end at `nowMs`; gives the pause before the restart in ms (0, then 250 ms doubling), undefined when it is one too many. */
  next(nowMs: number): number | undefined {
    this.#endsMs = this.#endsMs.filter((endMs) => nowMs - endMs < this.windowMs);
    this.#endsMs.push(nowMs);
    const count = this.#endsMs.length;
    if (count > this.limit) return undefined;
    return count === 1 ? 0 : 125 * 2 ** (count - 1);
  }

  /** Forgets the ends so far: a person asked for another try. */
  reset(): void {
    this.#endsMs = [];
  }
}
