/** Something in which our hub is meant not to be the recorded server. */
export interface WantedDifference {
  /** Files it occurs in. */
  in: RegExp;
  /** What was being done and what differs, as the judge writes it: `subscribe → subscribed: timestamp: …`. */
  what: RegExp;
  reason: string;
}

/** Takes down what differs, and knows what may. */
export class ReplayJudge {
  readonly unexpected: string[] = [];
  readonly #file: string;
  readonly #wanted: readonly WantedDifference[];
  readonly #seen = new Set<WantedDifference>();

  constructor(file: string, wanted: readonly WantedDifference[]) {
    this.#file = file;
    this.#wanted = wanted.filter((one) => one.in.test(file));
  }

  note(where: string, differences: readonly string[]): void {
    for (const difference of differences) {
      const what = `${where}: ${difference}`;
      const known = this.#wanted.filter((one) => one.what.test(what));
      for (const one of known) this.#seen.add(one);
      if (known.length === 0 && !this.unexpected.includes(what)) this.unexpected.push(what);
    }
  }

  /** Differences that are listed for this file and were not there. */
  get unused(): string[] {
    return this.#wanted
      .filter((one) => !this.#seen.has(one))
      .map(({ what, reason }) => `${this.#file}: ${what.source}: ${reason}`);
  }
}
