import { type Batch, rowTimeNs } from '../../core/batch.ts';

/** Batches kept of a channel that is held: the rows of a slower stream around the rows of a faster one. */
const MAX_BATCHES = 256;

/**
 * The values of a channel of another stream, held from sample to sample: at a time its last one that is not later. Rows that arrive after they were asked for
 * are not waited for. Times must be asked in order.
 */
export class HeldValues {
  readonly #batches: { batch: Batch; column: number }[] = [];
  #row = 0;
  #last = Number.NaN;

  /** Borrows the batch. */
  add(batch: Batch, column: number): void {
    if (batch.rows === 0) return;
    this.#batches.push({ batch, column });
    // Nobody asks: only the newest counts.
    if (this.#batches.length > MAX_BATCHES) {
      this.#batches.splice(0, this.#batches.length - MAX_BATCHES);
      this.#row = 0;
    }
  }

  /** NaN before the first. */
  at(timeNs: bigint): number {
    for (let first = this.#batches[0]; first; first = this.#batches[0]) {
      const { batch, column } = first;
      while (this.#row < batch.rows && rowTimeNs(batch, this.#row) <= timeNs) {
        this.#last = batch.columns[column]?.[this.#row] ?? Number.NaN;
        this.#row++;
      }
      if (this.#row < batch.rows) break;
      this.#batches.shift();
      this.#row = 0;
    }
    return this.#last;
  }
}
