import { lastAtOrBefore } from '../../core/pyramid-level.ts';
import type { StreamGap } from '../sample-sink.ts';

/** Rows without a gap between them, on one anchor. Regular: row r is at t0 + (r - firstRow) * dt. */
export interface Run {
  firstRow: number;
  /** Row after the last. */
  endRow: number;
  t0Ns: bigint;
  dtS: number;
  /** Time of the newest row. */
  endNs: bigint;
}

/** Runs and gaps kept of one stream; the oldest go first. */
const RUNS_LIMIT = 20_000;
const GAPS_LIMIT = 2000;

/** Runs of one stream, oldest first, and what is known about the gaps between them. Found by row or time in O(log). */
export class RunTable {
  readonly #runs: Run[] = [];
  readonly #gaps: StreamGap[] = [];

  get last(): Run | undefined {
    return this.#runs[this.#runs.length - 1];
  }

  /** First row of the oldest run kept. */
  get firstRow(): number | undefined {
    return this.#runs[0]?.firstRow;
  }

  open(run: Run): void {
    this.#runs.push(run);
    if (this.#runs.length > RUNS_LIMIT) this.#runs.shift();
  }

  /** The run that holds a row, or the last one before it. */
  at(row: number): Run | undefined {
    return this.#runs[lastAtOrBefore(this.#runs.length, (index) => this.#runs[index]?.firstRow ?? 0, row)];
  }

  /** The last run that begins at or before the time, and the one after it. */
  around(timeNs: bigint): { run: Run | undefined; next: Run | undefined } {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#runs[middle]?.t0Ns ?? 0n) <= timeNs) low = middle;
      else high = middle - 1;
    }
    return { run: this.#runs[low], next: this.#runs[low + 1] };
  }

  /** Notes a gap; a second note for the same row replaces the first (a reason known later). */
  addGap(gap: StreamGap): void {
    const index = this.#gaps.findLastIndex((known) => known.seq <= gap.seq);
    if (this.#gaps[index]?.seq === gap.seq) this.#gaps[index] = gap;
    else this.#gaps.splice(index + 1, 0, gap);
    if (this.#gaps.length > GAPS_LIMIT) this.#gaps.shift();
  }

  hasGapAt(row: number): boolean {
    return this.#gaps[lastAtOrBefore(this.#gaps.length, (index) => this.#gaps[index]?.seq ?? 0, row)]?.seq === row;
  }

  /** Gaps whose row after lies in [fromRow, toRow]. */
  gaps(fromRow: number, toRow: number): StreamGap[] {
    return this.#gaps.filter((gap) => gap.seq >= fromRow && gap.seq <= toRow);
  }

  /** Forgets what ends at or before a row. */
  forgetBefore(row: number): void {
    let count = 0;
    while (count < this.#runs.length - 1 && (this.#runs[count]?.endRow ?? 0) <= row) count++;
    if (count > 0) this.#runs.splice(0, count);
    let gaps = 0;
    while (gaps < this.#gaps.length && (this.#gaps[gaps]?.seq ?? 0) < row) gaps++;
    if (gaps > 0) this.#gaps.splice(0, gaps);
  }
}
