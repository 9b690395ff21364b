import type { CellPage, StoredLevel } from './stored-level.ts';

/** Pages in memory at a time. */
const PAGES_AT_ONCE = 64;

/** Some neighbouring pages of a level. */
export interface LevelSlice {
  pages: CellPage[];
  originNs: bigint;
  /** Rows of a block of the level; 1: rows themselves. */
  blockRows: number;
  /** First row of the page after them; undefined: they are the last ones wanted. */
  nextRow: number | undefined;
}

/** The pages of a level from the one that holds a row on, to the one that holds the last row before `to`; some at a time. */
export async function readSlice(
  level: StoredLevel,
  originNs: bigint,
  channels: readonly number[],
  row: number,
  to: number,
): Promise<LevelSlice> {
  const first = level.pageOfRow(row);
  const end = level.pageOfRow(to - 1) + 1;
  const last = Math.min(end, first + PAGES_AT_ONCE);
  const nextRow = last < end ? level.layout.firstRow.at(last) : undefined;
  const pages = await level.read(first, last, channels);
  return { pages, originNs, blockRows: level.blockRows, nextRow };
}

/** Reads a level slice by slice, the first one ahead if wished. Slices are asked for by row, so the level may be another one the next time. */
export class LevelSlices {
  readonly #from: number;
  readonly #read: (row: number) => Promise<LevelSlice | undefined>;
  #first: Promise<LevelSlice | undefined> | undefined;

  /** `read` gives the slice that begins at a row; undefined: there is no such level. */
  constructor(from: number, read: (row: number) => Promise<LevelSlice | undefined>) {
    this.#from = from;
    this.#read = read;
  }

  /** Starts to read the first slice. */
  begin(): void {
    if (this.#first) return;
    this.#first = this.#read(this.#from);
    // Told to who takes it.
    this.#first.catch(() => undefined);
  }

  /** Gives all slices in order; false: there is no such level. */
  async each(take: (slice: LevelSlice) => void): Promise<boolean> {
    this.begin();
    let slice = await this.#first;
    for (let row = this.#from; slice; ) {
      take(slice);
      // Rows only ascend.
      if (slice.nextRow === undefined || slice.nextRow <= row) return true;
      row = slice.nextRow;
      slice = await this.#read(row);
    }
    return false;
  }
}
