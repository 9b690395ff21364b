import { mergeFlags } from '../../core/extent.ts';
import { NumberList } from './number-list.ts';

/**
 * Entries of one level of a recording's pyramid while they are gathered, in columns: min, max and flags over rows of one block of `blockRows`
 * aligned to the row number, on one side of every gap. Times: ns since the origin of the stream.
 */
export class LevelColumns {
  readonly blockRows: number;
  readonly row = new NumberList();
  readonly rows = new NumberList();
  readonly time = new NumberList();
  /** ns from row to row; 0 if uneven. */
  readonly step = new NumberList();
  readonly gap = new NumberList(1);
  readonly min: NumberList[];
  readonly max: NumberList[];
  readonly flags: NumberList[];

  constructor(blockRows: number, columns: number) {
    this.blockRows = blockRows;
    this.min = Array.from({ length: columns }, () => new NumberList());
    this.max = Array.from({ length: columns }, () => new NumberList());
    this.flags = Array.from({ length: columns }, () => new NumberList(1));
  }

  /** Entries. */
  get length(): number {
    return this.row.length;
  }

  /** Takes the next stretch of rows, into the last entry if it goes on there; gives whether it began another. `merge` follows for each column. */
  begin(row: number, rows: number, time: number, step: number, isAfterGap: boolean): boolean {
    const last = this.length - 1;
    const block = Math.floor(row / this.blockRows);
    const first = this.row.values[last] as number;
    const held = this.rows.values[last] as number;
    if (last >= 0 && !isAfterGap && first + held === row && Math.floor(first / this.blockRows) === block) {
      this.rows.values[last] = held + rows;
      return false;
    }
    this.row.push(row);
    this.rows.push(rows);
    this.time.push(time);
    this.step.push(step);
    this.gap.push(isAfterGap ? 1 : 0);
    return true;
  }

  merge(column: number, min: number, max: number, flags: number, isNew: boolean): void {
    const lows = this.min[column] as NumberList;
    const highs = this.max[column] as NumberList;
    const marks = this.flags[column] as NumberList;
    if (isNew) {
      lows.push(min);
      highs.push(max);
      marks.push(flags);
      return;
    }
    const last = this.length - 1;
    const low = lows.values[last] as number;
    const high = highs.values[last] as number;
    if (min < low || Number.isNaN(low)) lows.values[last] = min;
    if (max > high || Number.isNaN(high)) highs.values[last] = max;
    marks.values[last] = mergeFlags(marks.values[last] as number, flags);
  }

  /** The next coarser level: `fan` blocks in one. */
  fold(fan: number): LevelColumns {
    const upper = new LevelColumns(this.blockRows * fan, this.min.length);
    for (let at = 0; at < this.length; at++) {
      const isNew = upper.begin(
        this.row.values[at] as number,
        this.rows.values[at] as number,
        this.time.values[at] as number,
        this.step.values[at] as number,
        this.gap.values[at] === 1,
      );
      for (let column = 0; column < this.min.length; column++) {
        upper.merge(
          column,
          this.min[column]?.values[at] as number,
          this.max[column]?.values[at] as number,
          this.flags[column]?.values[at] as number,
          isNew,
        );
      }
    }
    return upper;
  }
}
