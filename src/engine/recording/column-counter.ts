import type { CellPage } from './stored-level.ts';

/** Counts the columns of n rows that entries of a level make, until there are too many. */
export class ColumnCounter {
  /** First row of the first column too many. */
  row: number | undefined;
  readonly #n: number;
  readonly #most: number;
  #columns = 0;
  #endRow = -1;

  constructor(n: number, most: number) {
    this.#n = n;
    this.#most = most;
  }

  /** The entries of a page that touch [from, to). */
  add(page: CellPage, from: number, to: number): void {
    for (let at = 0; at < page.length && this.row === undefined; at++) {
      const row = page.row.at(at);
      const end = row + page.rows.at(at);
      if (row >= to) return;
      if (end <= from) continue;
      const isApart = page.gap.at(at) === 1 || row !== this.#endRow;
      this.#addStretch(Math.max(row, from), Math.min(end, to), isApart);
      this.#endRow = end;
    }
  }

  #addStretch(row: number, end: number, isApart: boolean): void {
    const first = Math.floor(row / this.#n);
    // What goes on within a column makes no other.
    const isShared = !isApart && Math.floor((row - 1) / this.#n) === first;
    const before = this.#columns - (isShared ? 1 : 0);
    this.#columns = before + Math.floor((end - 1) / this.#n) - first + 1;
    if (this.#columns > this.#most) this.row = Math.max(row, (first + this.#most - before) * this.#n);
  }
}
