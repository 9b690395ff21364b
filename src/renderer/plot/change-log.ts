/** Changes remembered; who has not looked for longer must look at everything. */
const KEPT = 128;

/**
 * What has changed since a reader last looked: for each revision the earliest time it touched. Several readers, each with the revision it
 * has seen.
 */
export class ChangeLog {
  revision = 0;
  readonly #fromS: number[] = [];

  /** Everything from `fromS` on may be different now; −Infinity: everything. */
  note(fromS: number): void {
    this.revision++;
    this.#fromS.push(fromS);
    if (this.#fromS.length > KEPT) this.#fromS.shift();
  }

  /** Earliest time changed after a revision; Infinity: nothing, −Infinity: everything. */
  since(revision: number): number {
    const count = this.revision - revision;
    if (count === 0) return Number.POSITIVE_INFINITY;
    if (count < 0 || count > this.#fromS.length) return Number.NEGATIVE_INFINITY;
    let earliest = Number.POSITIVE_INFINITY;
    for (let index = this.#fromS.length - count; index < this.#fromS.length; index++) {
      earliest = Math.min(earliest, this.#fromS[index] as number);
    }
    return earliest;
  }
}
