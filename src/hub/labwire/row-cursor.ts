import type { RowPage } from '../../core/ring.ts';
import type { StreamFeed } from '../bench/stream-feed.ts';
import type { PlacedRow } from './row-choice.ts';
import { timeOf } from './row-form.ts';

/**
 * Which rows a client wants: all; each so many one, by its number, so that the same rows are chosen again after a resume; or one in so much time, where
 * nobody knows how fast rows come.
 */
export type Pace = { kind: 'all' } | { kind: 'step'; step: number } | { kind: 'time'; intervalNs: number };

/** A row may come that part of an interval too early: polled rows come when they come. */
const EARLY = 1 / 4;

/** A client's place in a feed, and which of its rows are due. Rows at both ends of a gap are due whatever the pace, so that a gap is as long as it was. */
export class RowCursor {
  readonly #feed: StreamFeed;
  #pace: Pace;
  /** Number of the next row that is looked at. */
  #next: number | undefined;
  /** With a pace: rows that are due, oldest first from `#head` on, and up to where that is known. */
  #due: number[] = [];
  #head = 0;
  #scanned: number | undefined;
  #targetNs = 0n;

  constructor(feed: StreamFeed, pace: Pace, next: number | undefined) {
    this.#feed = feed;
    this.#pace = pace;
    this.#next = next;
  }

  /** Undefined until a first row is known. */
  get next(): number | undefined {
    this.#next ??= this.#feed.ring.firstRow;
    return this.#next;
  }

  get isPaced(): boolean {
    return this.#pace.kind !== 'all';
  }

  /** From the next row on. */
  set pace(pace: Pace) {
    this.#pace = pace;
    this.#forget();
  }

  /** Rows before this number are done with; undefined: the numbering begins anew. */
  moveTo(next: number | undefined): void {
    this.#next = next;
    if (next === undefined) {
      this.#forget();
      this.#targetNs = 0n;
      return;
    }
    while (this.#head < this.#due.length && (this.#due[this.#head] ?? next) < next) this.#head++;
    if (this.#head > 1024 && this.#head * 2 > this.#due.length) {
      this.#due = this.#due.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Passes over rows the feed has let go; gives how many of them were due. */
  passLost(): number {
    const { next } = this;
    const first = this.#feed.ring.firstRow;
    if (next === undefined || first === undefined || first <= next) return 0;
    const before = this.#head;
    this.moveTo(first);
    if (this.isPaced) return Math.max(0, this.#head - before);
    const gaps = this.#feed.gapsIn(next, first);
    const missing = gaps.reduce(
      (sum, { from, to }) => sum + Math.max(0, Math.min(to, first - 1) - Math.max(from, next) + 1),
      0,
    );
    return Math.max(0, first - next - missing);
  }

  /** Rows that are due now. */
  get waiting(): number {
    if (this.isPaced) {
      this.#scan();
      return this.#due.length - this.#head;
    }
    let rows = 0;
    this.#visit((_page, from, to) => {
      rows += to - from;
    });
    return rows;
  }

  /** The next rows that are due, at most so many. */
  take(limit: number): PlacedRow[] {
    const rows: PlacedRow[] = [];
    if (this.isPaced) {
      this.#scan();
      for (const row of this.#due.slice(this.#head, this.#head + limit)) {
        const page = this.#feed.ring.pageAt(row);
        if (page && row >= page.firstRow) rows.push({ page, index: row - page.firstRow });
      }
      return rows;
    }
    this.#visit((page, from, to) => {
      for (let index = from; index < to && rows.length < limit; index++) rows.push({ page, index });
    });
    return rows;
  }

  /** Passes over the first `rows` that are due. */
  pass(rows: number): void {
    if (rows <= 0) return;
    if (this.isPaced) {
      this.#scan();
      const last = this.#due[Math.min(this.#due.length, this.#head + rows) - 1];
      if (last !== undefined) this.moveTo(last + 1);
      return;
    }
    let left = rows;
    let next = this.next;
    this.#visit((page, from, to) => {
      const passed = Math.min(left, to - from);
      if (passed > 0) next = page.firstRow + from + passed;
      left -= passed;
    });
    if (next !== undefined) this.moveTo(next);
  }

  /** How many of the rows that are due, from the first on, were before a time; ns since 1970. */
  before(timeNs: bigint): number {
    if (this.isPaced) {
      this.#scan();
      let at = this.#head;
      for (; at < this.#due.length; at++) {
        const row = this.#due[at] ?? 0;
        const page = this.#feed.ring.pageAt(row);
        if (!page || row < page.firstRow || timeOf(page, row - page.firstRow) >= timeNs) break;
      }
      return at - this.#head;
    }
    let rows = 0;
    let isOver = false;
    this.#visit((page, from, to) => {
      if (isOver) return;
      const end = firstAt(page, from, to, timeNs);
      rows += end - from;
      isOver = end < to;
    });
    return rows;
  }

  /** The next page with rows that were not looked at, and which. */
  get stretch(): { page: RowPage; from: number; to: number } | undefined {
    const { next } = this;
    const page = next === undefined ? undefined : this.#feed.ring.pageAt(next);
    if (next === undefined || !page || next >= page.firstRow + page.rows) return undefined;
    return { page, from: Math.max(0, next - page.firstRow), to: page.rows };
  }

  #visit(each: (page: RowPage, from: number, to: number) => void): void {
    if (this.next !== undefined) this.#feed.ring.visit(this.next, this.#feed.endRow, each);
  }

  #scan(): void {
    const { next } = this;
    if (next === undefined) return;
    const begin = this.#scanned ?? next;
    let end = begin;
    this.#feed.ring.visit(begin, this.#feed.endRow, (page, from, to) => {
      const first = page.firstRow + from;
      const isAfterGap = first > end;
      // The last one before the gap, if it is still there and was not due by itself.
      if (isAfterGap && end - 1 >= next && (this.#due.at(-1) ?? -1) < end - 1) this.#due.push(end - 1);
      // With a pace in time the grid goes on with each row, so each is asked once.
      const isFirstDue = this.#isDue(page, from);
      if (isFirstDue || isAfterGap) this.#due.push(first);
      for (let index = this.#dueAfter(page, from); index < to; index += this.#stride)
        if (this.#isDue(page, index)) this.#due.push(page.firstRow + index);
      end = page.firstRow + to;
    });
    this.#scanned = end;
  }

  /** Rows between cannot be due. */
  get #stride(): number {
    return this.#pace.kind === 'step' ? this.#pace.step : 1;
  }

  #dueAfter(page: RowPage, index: number): number {
    const next = page.firstRow + index + 1;
    const past = next % this.#stride;
    return index + 1 + (past === 0 ? 0 : this.#stride - past);
  }

  #isDue(page: RowPage, index: number): boolean {
    if (this.#pace.kind !== 'time') return this.#pace.kind === 'all' || (page.firstRow + index) % this.#pace.step === 0;
    const { intervalNs } = this.#pace;
    const timeNs = timeOf(page, index);
    if (timeNs < this.#targetNs - BigInt(Math.round(intervalNs * EARLY))) return false;
    const stepNs = BigInt(Math.round(intervalNs));
    // Far behind, at the begin too: the grid begins anew with this row.
    this.#targetNs = (timeNs - this.#targetNs > stepNs ? timeNs : this.#targetNs) + stepNs;
    return true;
  }

  #forget(): void {
    this.#due = [];
    this.#head = 0;
    this.#scanned = undefined;
  }
}

/** The first row of [from, to) that is not before a time; `to` if there is none. Rows of a page are in order of time. */
function firstAt(page: RowPage, from: number, to: number, timeNs: bigint): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeOf(page, middle) < timeNs) low = middle + 1;
    else high = middle;
  }
  return low;
}
