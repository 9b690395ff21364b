import type { Column } from '../../core/batch.ts';
import { type ColumnBlock, columnRow } from '../../core/decimate.ts';
import { COLUMN_FLAG } from '../../core/extent.ts';
import { firstColumnAt, type TraceColumns } from './trace-columns.ts';

/** Bit of this screen beside COLUMN_FLAG: it did not get the rows before, though the engine may have them. The line breaks, no gap is drawn. */
export const CUT_FLAG = 128;

/** Where something is missing and why, as the engine says. s since the origin. */
export interface GapNote {
  fromS: number;
  toS: number;
  reason: string;
}

const FIRST_CAPACITY = 512;
const MOST_GAP_NOTES = 500;

interface ChannelArrays {
  lows: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
  highs: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
  flags: Uint8Array<ArrayBuffer>;
}

/**
 * Min/max columns of one stream as a screen keeps them: oldest first, contiguous, at most `mostColumns`.
 * Blocks are copied once, into place; the oldest columns are let go in bulk. A column sent again replaces the one before.
 */
export class StreamColumns {
  readonly #originNs: bigint;
  readonly #mostColumns: number;
  #n = 1;
  #spanS = 0;
  #start = 0;
  #end = 0;
  #times = new Float64Array(0);
  #rows = new Float64Array(0);
  #cutNext = false;
  readonly #channels = new Map<number, ChannelArrays>();
  readonly gaps: GapNote[] = [];
  /** Number of the row after the newest; undefined while empty. */
  endRow: number | undefined;

  constructor(originNs: bigint, mostColumns: number) {
    this.#originNs = originNs;
    this.#mostColumns = mostColumns;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Rows per column. */
  get n(): number {
    return this.#n;
  }

  /** First and last time kept; NaN while empty. s since the origin. */
  get fromS(): number {
    return this.length > 0 ? (this.#times[this.#start] as number) : Number.NaN;
  }

  get toS(): number {
    return this.length > 0 ? (this.#times[this.#end - 1] as number) + this.#spanS : Number.NaN;
  }

  clear(): void {
    this.#start = 0;
    this.#end = 0;
    this.#channels.clear();
    this.gaps.length = 0;
    this.endRow = undefined;
    this.#cutNext = false;
  }

  /** Rows were skipped for this screen: the next column starts a new line. */
  cut(): void {
    this.#cutNext = true;
  }

  addGap(note: GapNote): void {
    const last = this.gaps[this.gaps.length - 1];
    if (last && last.fromS === note.fromS && last.toS === note.toS) return;
    this.gaps.push(note);
    if (this.gaps.length > MOST_GAP_NOTES) this.gaps.shift();
  }

  /** Copies a block in. `channels`: columns of the stream the block holds. Other channels, or columns of another size, start anew. Gives the time from which the traces are different: of the column before. */
  append(channels: readonly number[], block: ColumnBlock): number {
    if (block.length === 0) return Number.POSITIVE_INFINITY;
    // One value a column or two, many rows or few: what is kept cannot be both.
    if (this.length > 0 && (block.n !== this.#n || !this.#sameChannels(channels))) this.clear();
    this.#n = block.n;
    this.#spanS = block.n > 1 ? spanOf(block) : 0;
    const again = this.#dropFrom(block.firstRow);
    const changedFromS = this.length > 0 ? (this.#times[this.#end - 1] as number) : Number.NEGATIVE_INFINITY;
    const kept = Math.min(block.length, this.#mostColumns);
    const skip = block.length - kept;
    this.#reserve(kept, channels, block);
    const baseS = Number(block.t0Ns - this.#originNs) / 1e9;
    const at = this.#end;
    for (let index = 0; index < kept; index++) {
      const row = columnRow(block, skip + index);
      this.#rows[at + index] = row;
      this.#times[at + index] =
        baseS + (block.timeS ? (block.timeS[skip + index] as number) : (row - block.firstRow) * block.dtS);
    }
    for (let index = 0; index < channels.length; index++) {
      const arrays = this.#channels.get(channels[index] as number);
      if (!arrays) continue;
      copyInto(arrays.lows, at, block.min[index], skip, kept);
      if (arrays.highs !== arrays.lows) copyInto(arrays.highs, at, block.max[index], skip, kept);
      if (block.flags) {
        const from = index * block.length + skip;
        arrays.flags.set(block.flags.subarray(from, from + kept), at);
      } else arrays.flags.fill(0, at, at + kept);
      const first = (arrays.flags[at] as number) & ~COLUMN_FLAG.gap;
      const breaks = (block.isAfterGap && skip === 0 ? COLUMN_FLAG.gap : 0) | (this.#cutNext ? CUT_FLAG : 0) | again;
      arrays.flags[at] = first | breaks;
    }
    this.#cutNext = false;
    this.#end += kept;
    this.endRow = block.firstRow + block.rows;
    if (this.length > this.#mostColumns) this.#start = this.#end - this.#mostColumns;
    return changedFromS;
  }

  /** Lets columns before a time go. */
  letGoBefore(timeS: number): void {
    while (this.#start < this.#end - 1 && (this.#times[this.#start + 1] as number) < timeS) this.#start++;
    while (this.gaps.length > 0 && (this.gaps[0] as GapNote).toS < timeS) this.gaps.shift();
  }

  /** One channel's columns; borrows. Undefined if it holds none. */
  view(channel: number): TraceColumns | undefined {
    const arrays = this.#channels.get(channel);
    if (!arrays || this.length === 0) return undefined;
    return {
      start: this.#start,
      end: this.#end,
      times: this.#times,
      lows: arrays.lows,
      highs: arrays.highs,
      flags: arrays.flags,
      firstRows: this.#rows,
      rows: this.#n,
      spanS: this.#spanS,
    };
  }

  #sameChannels(channels: readonly number[]): boolean {
    return channels.length === this.#channels.size && channels.every((channel) => this.#channels.has(channel));
  }

  /** The newest column comes again when it has more rows. Gives how the line broke before that row, to be kept. */
  #dropFrom(row: number): number {
    let breaks = 0;
    while (this.#end > this.#start && (this.#rows[this.#end - 1] as number) >= row) {
      this.#end--;
      if (this.#rows[this.#end] !== row) continue;
      for (const { flags } of this.#channels.values()) {
        breaks |= (flags[this.#end] as number) & (COLUMN_FLAG.gap | CUT_FLAG);
        break;
      }
    }
    return breaks;
  }

  /** Room for `count` more columns at the end: what is kept moves to the front once per doubling, not per block. */
  #reserve(count: number, channels: readonly number[], block: ColumnBlock): void {
    const needed = this.#end + count;
    const shared = block.n === 1;
    if (needed > this.#times.length || this.#channels.size === 0) {
      const kept = Math.min(this.length, this.#mostColumns);
      const from = this.#end - kept;
      const capacity = Math.max(FIRST_CAPACITY, this.#times.length, 2 * (kept + count));
      this.#times = moved(this.#times, new Float64Array(capacity), from, this.#end);
      this.#rows = moved(this.#rows, new Float64Array(capacity), from, this.#end);
      for (const [index, channel] of channels.entries()) {
        const old = this.#channels.get(channel);
        const is64 = block.min[index] instanceof Float64Array;
        const make = () => (is64 ? new Float64Array(capacity) : new Float32Array(capacity));
        const lows = old ? moved(old.lows, make(), from, this.#end) : make();
        const highs = shared ? lows : old ? moved(old.highs, make(), from, this.#end) : make();
        const flags = old ? moved(old.flags, new Uint8Array(capacity), from, this.#end) : new Uint8Array(capacity);
        this.#channels.set(channel, { lows, highs, flags });
      }
      this.#start = 0;
      this.#end = kept;
    }
  }
}

/** A piece of columns cut to a time range, with one neighbour on each side so that lines leave it. Undefined if nothing is in it. */
export function cutColumns(columns: TraceColumns, fromS: number, toS: number): TraceColumns | undefined {
  const start = Math.max(columns.start, firstColumnAt(columns, fromS - columns.spanS) - 1);
  const end = Math.min(columns.end, firstColumnAt(columns, toS) + 1);
  return end > start ? { ...columns, start, end } : undefined;
}

/** Time a full column covers; s. Unevenly timed columns: their usual distance. */
function spanOf(block: ColumnBlock): number {
  if (!block.timeS) return block.n * block.dtS;
  const last = block.length - 1;
  return last > 0 ? ((block.timeS[last] as number) - (block.timeS[0] as number)) / last : 0;
}

function copyInto(
  target: Float32Array | Float64Array,
  at: number,
  source: Column | undefined,
  from: number,
  count: number,
): void {
  if (source) target.set(source.subarray(from, from + count), at);
}

function moved<T extends Float64Array<ArrayBuffer> | Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
  old: T,
  fresh: T,
  from: number,
  end: number,
): T {
  fresh.set(old.subarray(from, end) as never);
  return fresh;
}
