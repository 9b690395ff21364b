import type { Column } from './batch.ts';
import { type Extent, OpenExtents, scanExtent } from './extent.ts';
import { PyramidLevel } from './pyramid-level.ts';

/** Rows of an entry of the lowest level, entries folded into one of the next, and number of levels: 64 … 134 million rows. */
export const PYRAMID_BASE = 64;
export const PYRAMID_FAN = 8;
export const PYRAMID_LEVELS = 8;

export interface PyramidShape {
  channels: number;
  /** Keep Float64 extents (streams of Float64 columns). */
  isFloat64: boolean;
  /** Keep the time of every entry (unevenly timed streams). */
  isTimed: boolean;
}

/**
 * Min/max pyramid of one stream, built while rows come in: about 4 % of the raw bytes for many channels. Blocks are aligned to the row number
 * (in its epoch), so every reader folds the same columns. A gap closes the open block of every level: no entry spans it.
 *
 *     level 2 |                                4096 rows                                 | open …
 *     level 1 |  512  |  512  |  512  |  512  |  512  |  512  |  512  |  512  |  512  | open …
 *     level 0 |64|64|64|…                                                     …|64|64|64| open …
 *     rows    ····················································································
 *
 * The open extents of all levels are disjoint: the newest rows are open[top] … open[1], open[0], in that order.
 */
export class Pyramid {
  readonly shape: PyramidShape;
  readonly levels: PyramidLevel[] = [];
  /** The unfinished block of every level, closed entries of the level below only. */
  readonly open: OpenExtents[] = [];
  #isAfterGap = true;
  readonly #found: Extent = { min: 0, max: 0, flags: 0 };

  constructor(shape: PyramidShape) {
    this.shape = shape;
    for (let level = 0, rows = PYRAMID_BASE; level < PYRAMID_LEVELS; level++, rows *= PYRAMID_FAN) {
      this.levels.push(new PyramidLevel(rows, shape.channels, shape.isFloat64, shape.isTimed));
      this.open.push(new OpenExtents(shape.channels));
    }
  }

  /** Level whose blocks are the largest that fit in columns of `n` rows; -1: rows themselves. */
  static levelFor(n: number): number {
    let level = -1;
    for (let rows = PYRAMID_BASE; rows <= n && level < PYRAMID_LEVELS - 1; rows *= PYRAMID_FAN) level++;
    return level;
  }

  /** Takes the next rows. `firstRow` is the number of the first; `timeS` (timed streams) gives the time of a row of these columns. */
  append(columns: readonly Column[], rows: number, firstRow: number, timeS?: (row: number) => number): void {
    const open = this.open[0] as OpenExtents;
    for (let row = 0; row < rows; ) {
      const number = firstRow + row;
      const end = Math.min(rows, row + PYRAMID_BASE - (number % PYRAMID_BASE));
      const isFirst = open.rows === 0;
      open.begin(number, end - row, timeS ? timeS(row) : 0, this.#isAfterGap);
      this.#isAfterGap = false;
      for (let channel = 0; channel < this.shape.channels; channel++) {
        scanExtent(columns[channel] as Column, row, end, this.#found);
        open.merge(channel, this.#found.min, this.#found.max, this.#found.flags, isFirst);
      }
      if ((firstRow + end) % PYRAMID_BASE === 0) this.#close(0);
      row = end;
    }
  }

  /** Rows are missing, or time starts anew: what is open is finished as it is. */
  break(): void {
    for (let level = 0; level < PYRAMID_LEVELS; level++) this.#close(level);
    this.#isAfterGap = true;
  }

  get sizeBytes(): number {
    let sum = 0;
    for (const level of this.levels) sum += level.sizeBytes;
    return sum;
  }

  /** First row that a level still knows, open rows included; undefined if it knows none. */
  firstRowOf(level: number): number | undefined {
    const closed = this.levels[level]?.firstRow;
    if (closed !== undefined) return closed;
    for (let index = level; index >= 0; index--) {
      const open = this.open[index];
      if (open && open.rows > 0) return open.firstRow;
    }
    return undefined;
  }

  /** Moves the open block of a level into it and into the open block above, which closes in turn at its own boundary. */
  #close(level: number): void {
    const open = this.open[level] as OpenExtents;
    if (open.rows === 0) return;
    this.levels[level]?.push(open);
    const above = this.open[level + 1];
    const upper = this.levels[level + 1];
    if (above && upper) {
      const isFirst = above.rows === 0;
      above.begin(open.firstRow, open.rows, open.timeS, open.isAfterGap);
      for (let channel = 0; channel < this.shape.channels; channel++) {
        above.merge(
          channel,
          open.min[channel] as number,
          open.max[channel] as number,
          open.flags[channel] as number,
          isFirst,
        );
      }
      if ((open.firstRow + open.rows) % upper.blockRows === 0) this.#close(level + 1);
    }
    open.clear();
  }
}
