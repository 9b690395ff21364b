import type { TableSource } from './table.ts';

/** How far an export is that goes through one stream after the other. */
export class RowProgress {
  readonly #total: number;
  readonly #tick: (share: number) => void;
  /** So far. */
  rows = 0;

  constructor(sources: readonly TableSource[], tick: (share: number) => void) {
    this.#total = sources.reduce((sum, { chunks }) => sum + chunks.reduce((rows, at) => rows + at.digest.rows, 0), 0);
    this.#tick = tick;
  }

  /** @throws LabError call.cancelled */
  add(rows: number): void {
    this.rows += rows;
    this.#tick(this.#total === 0 ? 1 : Math.min(1, this.rows / this.#total));
  }
}
