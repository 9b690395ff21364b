import type { ArrivedRows } from './stream-spec.ts';

/** Live rows that wait for a hole to be filled: copies, because what is pushed is lent. */
export class HeldRows {
  readonly #limit: number;
  #held: ArrivedRows[] = [];
  #rows = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#rows >= this.#limit;
  }

  add(rows: ArrivedRows): void {
    this.#held.push(copyRows(rows));
    this.#rows += rows.rows;
  }

  get first(): ArrivedRows | undefined {
    return this.#held[0];
  }

  /** All of them, in order; then it is empty. */
  takeAll(): ArrivedRows[] {
    const held = this.#held;
    this.#held = [];
    this.#rows = 0;
    return held;
  }
}

function copyRows(rows: ArrivedRows): ArrivedRows {
  return {
    ...rows,
    columns: rows.columns.map((column) => column.slice(0, rows.rows)),
    timesNs: rows.timesNs.slice(0, rows.rows),
    stamps: rows.stamps?.slice(0, rows.rows),
  };
}
