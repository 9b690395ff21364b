import { BATCH_FLAG, type Batch } from '../../core/batch.ts';
import { type ColumnBlock, ColumnBuilder, type Stretch } from '../../core/decimate.ts';
import { PYRAMID_LEVELS, Pyramid } from '../../core/pyramid.ts';
import { RowRing } from '../../core/ring.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { StreamGap } from '../sample-sink.ts';
import { timedRowAt } from './row-time.ts';
import { RunTable } from './run-table.ts';

/** Kinds of what a stream keeps, in the order it is let go of: raw rows, then the pyramid levels from fine to coarse. */
export const KEPT_KINDS = 1 + PYRAMID_LEVELS;

/** Columns asked of a stream. `exact`: none is coarser than asked and none is missing. */
export interface ColumnsAnswer {
  blocks: ColumnBlock[];
  isExact: boolean;
  /** First row that could be answered; rows before it are let go. */
  firstRow: number;
}

/**
 * What is remembered of one regular or timed stream: raw rows, min/max pyramid, runs (anchors) and gaps. Rows are named by number in the
 * stream's epoch. Nothing here throws on what a source sends: rows that go back, or do not fit the columns, are refused and counted.
 */
export class StreamHistory {
  readonly info: StreamInfo;
  readonly ring = new RowRing();
  readonly runs = new RunTable();
  /** Batches that went back in row number or did not fit the columns. */
  refused = 0;
  isClosed = false;
  /** Row it began with here; rows before it never came. */
  beginRow = 0;
  #pyramid: Pyramid | undefined;
  #originNs = 0n;
  #formFlags = 0;

  constructor(info: StreamInfo) {
    this.info = info;
  }

  /** Row after the newest; 0 before the first batch. */
  get endRow(): number {
    return this.ring.endRow;
  }

  /** Oldest row anything is known of (coarsely perhaps); undefined if there is none. */
  get firstRow(): number | undefined {
    const oldest = this.#oldestKept();
    return oldest === undefined ? undefined : Math.max(oldest, this.runs.firstRow ?? oldest);
  }

  get isFloat64(): boolean {
    return (this.#formFlags & BATCH_FLAG.float64) !== 0;
  }

  get isTimed(): boolean {
    return (this.#formFlags & BATCH_FLAG.timed) !== 0;
  }

  /** Timed: what `timeS` of columns counts from. */
  get originNs(): bigint {
    return this.#originNs;
  }

  get pyramid(): Pyramid | undefined {
    return this.#pyramid;
  }

  append(batch: Batch): void {
    const form = batch.flags & (BATCH_FLAG.float64 | BATCH_FLAG.timed);
    if (batch.rows === 0) return;
    const pyramid = this.#pyramid ?? this.#open(batch, form);
    const isFirst = this.ring.pages.length === 0;
    if (isFirst) this.beginRow = batch.seq;
    if (
      batch.channels !== pyramid.shape.channels ||
      form !== this.#formFlags ||
      (!isFirst && batch.seq < this.endRow)
    ) {
      this.refused++;
      return;
    }
    const isAfterGap = isFirst || this.#isApart(batch);
    if (isAfterGap) this.#openRun(batch, pyramid, isFirst);
    this.ring.append(batch, isAfterGap);
    const { times } = batch;
    if (times) {
      const shiftS = Number(batch.t0Ns - this.#originNs) / 1e9;
      pyramid.append(batch.columns, batch.rows, batch.seq, (row) => (times[row] as number) + shiftS);
    } else pyramid.append(batch.columns, batch.rows, batch.seq);
    const run = this.runs.last;
    if (run) {
      run.endRow = batch.seq + batch.rows;
      const lastS = times ? (times[batch.rows - 1] ?? 0) : (batch.rows - 1) * batch.dtS;
      run.endNs = batch.t0Ns + BigInt(Math.round(lastS * 1e9));
    }
  }

  /** Bytes of a kind: 0 raw, 1… the levels of the pyramid. */
  sizeOf(kind: number): number {
    return kind === 0 ? this.ring.sizeBytes : (this.#pyramid?.levels[kind - 1]?.sizeBytes ?? 0);
  }

  get sizeBytes(): number {
    return this.ring.sizeBytes + (this.#pyramid?.sizeBytes ?? 0);
  }

  /** Lets the oldest page of a kind go; gives the bytes freed (0: only the newest page is left). */
  letGo(kind: number): number {
    const freed = kind === 0 ? this.ring.letGo() : (this.#pyramid?.levels[kind - 1]?.letGo() ?? 0);
    if (freed > 0) this.runs.forgetBefore(this.#oldestKept() ?? 0);
    return freed;
  }

  /** Time of a row, ns since 1970; of a timed row let go: of the block it was in. */
  timeOf(row: number): bigint {
    const run = this.runs.at(row);
    if (!run) return this.#originNs;
    if (!this.isTimed) return run.t0Ns + BigInt(Math.round((row - run.firstRow) * run.dtS * 1e9));
    let timeS: number | undefined;
    this.ring.visit(row, row + 1, (page, from) => {
      timeS = (page.timeS?.[from] ?? 0) + Number(page.t0Ns - this.#originNs) / 1e9;
    });
    for (let level = 0; timeS === undefined && level < PYRAMID_LEVELS; level++) {
      this.#pyramid?.levels[level]?.visit(row, row + 1, (page, at) => {
        timeS = page.timeS?.[at];
      });
    }
    return timeS === undefined ? run.t0Ns : this.#originNs + BigInt(Math.round(timeS * 1e9));
  }

  /** First row at or after a time; `endRow` if all are before it. Of timed rows let go: the first of the block that holds the time. */
  rowAt(timeNs: bigint): number {
    const { run, next } = this.runs.around(timeNs);
    if (!run || timeNs <= run.t0Ns) return run?.firstRow ?? this.endRow;
    if (timeNs > run.endNs) return next?.firstRow ?? run.endRow;
    if (!this.isTimed) {
      // A step below a millionth of a row is rounding, not a later row.
      const row = Math.ceil(Number(timeNs - run.t0Ns) / (run.dtS * 1e9) - 1e-6);
      return Math.min(run.endRow, run.firstRow + row);
    }
    return Math.min(run.endRow, timedRowAt(this, run, Number(timeNs - this.#originNs) / 1e9));
  }

  /**
   * Min/max columns of n = 2^k rows of the columns with these indices, over all columns that touch [fromRow, toRow).
   * Where the level for n has been let go, coarser columns come (`isExact` false); the newest column is partial.
   */
  columns(channels: readonly number[], fromRow: number, toRow: number, n: number): ColumnsAnswer {
    const pyramid = this.#pyramid;
    const first = this.firstRow;
    if (!pyramid || first === undefined || fromRow >= toRow) return { blocks: [], isExact: true, firstRow: fromRow };
    const from = Math.max(first, this.#columnStart(fromRow, n));
    const to = this.#columnEnd(toRow, n);
    const blocks: ColumnBlock[] = [];
    const isExact = this.#collect(pyramid, channels, from, to, n, blocks) && first <= fromRow;
    return { blocks, isExact, firstRow: Math.max(first, fromRow) };
  }

  /** First row from which on columns of n rows are exact; undefined if none are. */
  exactRow(n: number): number | undefined {
    const level = Pyramid.levelFor(n);
    return level < 0 ? this.ring.firstRow : this.#pyramid?.firstRowOf(level);
  }

  /** Rows in the block that is the finest kept of a row; 1: the row itself. */
  blockAt(row: number): number {
    if (row >= (this.ring.firstRow ?? Number.POSITIVE_INFINITY)) return 1;
    for (let level = 0; level < PYRAMID_LEVELS; level++) {
      if (row >= (this.#pyramid?.firstRowOf(level) ?? Number.POSITIVE_INFINITY)) {
        return this.#pyramid?.levels[level]?.blockRows ?? 1;
      }
    }
    return 1;
  }

  /** First row of the column that holds a row; a column does not reach back over a gap. */
  #columnStart(row: number, n: number): number {
    const run = this.runs.at(row);
    if (!run || row >= run.endRow || row < run.firstRow) return row;
    return Math.max(run.firstRow, Math.floor(row / n) * n);
  }

  /** Row after the column that holds the row before; a column does not reach over a gap. */
  #columnEnd(row: number, n: number): number {
    const run = this.runs.at(row - 1);
    const end = Math.min(this.endRow, Math.ceil(row / n) * n);
    return run && run.firstRow < row ? Math.min(end, run.endRow) : end;
  }

  /** The newest row; undefined before the first batch. Column `index` of it is `valueOf`. */
  latest(): { row: number; timeNs: bigint; arrivedNs: bigint; valueOf(index: number): number } | undefined {
    const page = this.ring.pages[this.ring.pages.length - 1];
    const run = this.runs.last;
    if (!page || !run) return undefined;
    const at = page.rows - 1;
    return {
      row: page.firstRow + at,
      timeNs: run.endNs,
      arrivedNs: page.arrivedNs,
      valueOf: (index) => page.columns[index]?.[at] ?? Number.NaN,
    };
  }

  stretchOf(row: number): Stretch {
    if (this.isTimed) return { t0Ns: this.#originNs, dtS: 0, isTimed: true };
    return { t0Ns: this.timeOf(row), dtS: this.runs.at(row)?.dtS ?? 0, isTimed: false };
  }

  #open(batch: Batch, form: number): Pyramid {
    this.#formFlags = form;
    this.#originNs = batch.t0Ns;
    this.#pyramid = new Pyramid({
      channels: this.info.columns.length,
      isFloat64: this.isFloat64,
      isTimed: this.isTimed,
    });
    return this.#pyramid;
  }

  /** Whether rows are missing before the batch, or it is on another anchor: off by more than half a row. */
  #isApart(batch: Batch): boolean {
    const run = this.runs.last;
    if (!run || batch.seq !== run.endRow || batch.lost > 0 || (batch.flags & BATCH_FLAG.gap) !== 0) return true;
    if (this.isTimed) return false;
    if (batch.dtS !== run.dtS) return true;
    const expectedNs = run.t0Ns + BigInt(Math.round((batch.seq - run.firstRow) * run.dtS * 1e9));
    return Math.abs(Number(batch.t0Ns - expectedNs)) > run.dtS * 0.5e9 + 2;
  }

  #openRun(batch: Batch, pyramid: Pyramid, isFirst: boolean): void {
    const previous = this.runs.last;
    const t0Ns = batch.times ? batch.t0Ns + BigInt(Math.round((batch.times[0] ?? 0) * 1e9)) : batch.t0Ns;
    pyramid.break();
    if (!isFirst && previous && !this.runs.hasGapAt(batch.seq)) {
      const lost = batch.seq - previous.endRow;
      const reason = lost > 0 ? 'rows lost' : 'source paused';
      this.runs.addGap({ stream: this.info.id, seq: batch.seq, fromNs: previous.endNs, toNs: t0Ns, lost, reason });
    }
    this.runs.open({ firstRow: batch.seq, endRow: batch.seq, t0Ns, dtS: batch.dtS, endNs: t0Ns });
  }

  addGap(gap: StreamGap): void {
    this.runs.addGap(gap);
  }

  #oldestKept(): number | undefined {
    let oldest = this.ring.firstRow;
    if (oldest === undefined) return undefined;
    for (let level = 0; level < PYRAMID_LEVELS; level++) {
      oldest = Math.min(oldest, this.#pyramid?.firstRowOf(level) ?? oldest);
    }
    return oldest;
  }

  /** Columns of [from, to), finest first for the newer part, coarser for what is older than the level for n; true if all are exact. */
  #collect(
    pyramid: Pyramid,
    channels: readonly number[],
    from: number,
    to: number,
    n: number,
    blocks: ColumnBlock[],
  ): boolean {
    const level = Pyramid.levelFor(n);
    const kept = (level < 0 ? this.ring.firstRow : pyramid.firstRowOf(level)) ?? to;
    let start = from;
    const coarser = kept > from ? this.#levelBefore(pyramid, level, kept) : undefined;
    if (coarser !== undefined) {
      const seam = Math.min(to, Math.ceil(kept / coarser) * coarser);
      this.#collect(pyramid, channels, from, seam, coarser, blocks);
      start = Math.max(seam, from);
    }
    if (start >= to) return false;
    const builder = new ColumnBuilder(n, channels, this.isFloat64, (row) => this.stretchOf(row));
    if (level < 0) {
      this.ring.visit(start, to, (page, first, end) => {
        const shiftS = Number(page.t0Ns - this.#originNs) / 1e9;
        const { timeS } = page;
        const timeOf = timeS ? (row: number): number => (timeS[row] as number) + shiftS : () => 0;
        builder.addRows(page.columns, first, end, page.firstRow + first, page.isAfterGap && first === 0, timeOf);
      });
    } else {
      pyramid.levels[level]?.visit(start, to, (page, at) => builder.addEntry(page, at));
      for (let index = level; index >= 0; index--) {
        const open = pyramid.open[index];
        if (open && open.rows > 0 && open.firstRow >= start && open.firstRow < to) builder.addOpen(open);
      }
    }
    blocks.push(...builder.finish(!this.isClosed && to === this.endRow));
    return kept <= from;
  }

  /** Rows per block of the finest coarser level that reaches back beyond `kept`; undefined if none does. */
  #levelBefore(pyramid: Pyramid, level: number, kept: number): number | undefined {
    for (let coarser = level + 1; coarser < PYRAMID_LEVELS; coarser++) {
      if ((pyramid.firstRowOf(coarser) ?? kept) < kept) return pyramid.levels[coarser]?.blockRows;
    }
    return undefined;
  }
}
