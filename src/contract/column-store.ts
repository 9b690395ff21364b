import type { Column } from '../core/batch.ts';
import { type ColumnBlock, columnRow } from '../core/decimate.ts';
import { COLUMN_FLAG } from '../core/extent.ts';
import { lastAtOrBefore } from '../core/pyramid-level.ts';
import { channelId, type StreamInfo } from '../core/stream-info.ts';
import type { ColumnsFrameBlock, FrameBlock } from './frames.ts';

/** Columns of one channel, oldest first, to be drawn. Views of the store: valid until the next `apply` or `prune`. */
export interface ChannelColumns {
  length: number;
  /** Time of the first row of each column, s since the store's `originNs`. */
  timeS: Float64Array;
  /** NaN where nothing is to be drawn. With one row a column, min = max. */
  min: Float32Array | Float64Array;
  max: Float32Array | Float64Array;
  /** `COLUMN_FLAG`: `gap` on the first column after missing rows, `partial` on the newest. */
  flags: Uint8Array;
  /** Number of the first row of each column. */
  firstRow: Float64Array;
}

export interface ColumnStoreOptions {
  /** What times count from, ns since 1970; default: the first block. */
  originNs?: bigint;
  /** Columns kept of a stream, the newest. */
  maxColumns?: number;
}

/**
 * The screen's side of a columns watch: a contiguous sliding window of columns per channel. Fill and live columns meet at one row number;
 * a column sent again replaces the one before; a `restart` clears the stream. Pure: the plot draws from it, nothing else is kept.
 *
 *     store.setStreams(answer.streams);
 *     for (const block of frame.blocks) if (block.id === watch) store.apply(block);
 *     store.prune(nowS - windowS);
 *     const columns = store.columns('DP832/ch1.voltage');
 */
export class ColumnStore {
  #originNs: bigint | undefined;
  readonly #maxColumns: number;
  readonly #streams = new Map<number, StreamColumns>();
  #infos: readonly StreamInfo[] = [];
  /** Rows this screen will not get: declared by the engine. */
  skippedRows = 0;
  /** Counts up with every change, so that a drawing loop knows whether there is anything new. */
  revision = 0;

  constructor(options: ColumnStoreOptions = {}) {
    this.#originNs = options.originNs;
    this.#maxColumns = options.maxColumns ?? 32_768;
  }

  /** ns since 1970; undefined before the first block. */
  get originNs(): bigint | undefined {
    return this.#originNs;
  }

  /** Which streams carry the channels: from the answer and from `stream.opened`. Blocks may come before. */
  setStreams(infos: readonly StreamInfo[]): void {
    this.#infos = infos;
    this.revision++;
  }

  /** Takes a block of this watch (or a piece of history). Other kinds than columns and skipped are passed over. */
  apply(block: FrameBlock): void {
    if (block.kind === 'skipped') this.skippedRows += block.to - block.from;
    if (block.kind !== 'columns') return;
    this.#originNs ??= block.columns.t0Ns;
    let stream = this.#streams.get(block.stream);
    if (!stream || block.isRestart || !stream.fits(block)) {
      stream = new StreamColumns(block.channels, block.columns.min[0] instanceof Float64Array);
      this.#streams.set(block.stream, stream);
    }
    stream.take(block.columns, Number(block.columns.t0Ns - this.#originNs) / 1e9);
    stream.keepNewest(this.#maxColumns);
    this.revision++;
  }

  /**
   * Forgets columns that begin before a time (s since `originNs`), keeping one before it so that the trace reaches the edge;
   * of streams no longer known, all.
   */
  prune(beforeS: number): void {
    for (const [id, stream] of this.#streams) {
      stream.prune(beforeS);
      const isKnown = this.#infos.some((info) => info.id === id);
      if (!isKnown && stream.newestS < beforeS) this.#streams.delete(id);
    }
  }

  clear(): void {
    this.#streams.clear();
    this.revision++;
  }

  /** The last row the screen has of each stream: what a returning screen says in `after`. */
  lastRows(): { key: string; epoch: number; row: number }[] {
    return this.#infos.flatMap(({ id, key, epoch }) => {
      const endRow = this.#streams.get(id)?.endRow;
      return endRow === undefined ? [] : [{ key, epoch, row: endRow - 1 }];
    });
  }

  /** Columns of a channel (`instrument/channel`) over all its streams; undefined if there are none. One stream: no copy. */
  columns(channel: string): ChannelColumns | undefined {
    const parts: ChannelColumns[] = [];
    for (const info of this.#infos) {
      const index = info.columns.findIndex((column) => channelId(info.instrument, column.channel) === channel);
      const part = index < 0 ? undefined : this.#streams.get(info.id)?.columns(index);
      if (part && part.length > 0) parts.push(part);
    }
    parts.sort((one, other) => (one.timeS[0] ?? 0) - (other.timeS[0] ?? 0));
    return parts.length < 2 ? parts[0] : join(parts);
  }
}

/** Columns of one stream in arrays that slide: columns `start` to `end` of them count. */
class StreamColumns {
  readonly #channels: readonly number[];
  readonly #isFloat64: boolean;
  #start = 0;
  #end = 0;
  #capacity = 0;
  #endRow = 0;
  #firstRow = new Float64Array(0);
  #timeS = new Float64Array(0);
  #min: Column[] = [];
  #max: Column[] = [];
  #flags: Uint8Array<ArrayBuffer>[] = [];

  constructor(channels: readonly number[], isFloat64: boolean) {
    this.#channels = channels;
    this.#isFloat64 = isFloat64;
    this.#resize(256);
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Row after the last one in a column. */
  get endRow(): number {
    return this.#endRow;
  }

  get newestS(): number {
    return this.#timeS[this.#end - 1] ?? Number.NEGATIVE_INFINITY;
  }

  fits(block: ColumnsFrameBlock): boolean {
    const isSame = block.channels.length === this.#channels.length;
    return isSame && block.channels.every((channel, index) => channel === this.#channels[index]);
  }

  /** `shiftS`: from the store's origin to the block's t0. */
  take(block: ColumnBlock, shiftS: number): void {
    const wasApart = this.#dropFrom(block.firstRow);
    this.#reserve(block.length);
    const isApart = block.isAfterGap || wasApart || (this.length > 0 && block.firstRow !== this.#endRow);
    for (let index = 0; index < block.length; index++) {
      const at = this.#end + index;
      const row = columnRow(block, index);
      this.#firstRow[at] = row;
      this.#timeS[at] = shiftS + (block.timeS ? (block.timeS[index] as number) : (row - block.firstRow) * block.dtS);
    }
    for (let channel = 0; channel < this.#channels.length; channel++) {
      this.#min[channel]?.set(block.min[channel] as Column, this.#end);
      this.#max[channel]?.set(block.max[channel] as Column, this.#end);
      const flags = this.#flags[channel] as Uint8Array;
      if (block.flags) {
        flags.set(block.flags.subarray(channel * block.length, (channel + 1) * block.length), this.#end);
      } else flags.fill(0, this.#end, this.#end + block.length);
      if (isApart) flags[this.#end] = (flags[this.#end] as number) | COLUMN_FLAG.gap;
      const last = this.#end + block.length - 1;
      if (block.isPartial) flags[last] = (flags[last] as number) | COLUMN_FLAG.partial;
    }
    this.#end += block.length;
    this.#endRow = block.firstRow + block.rows;
  }

  keepNewest(count: number): void {
    this.#start = Math.max(this.#start, this.#end - count);
  }

  prune(beforeS: number): void {
    const times = this.#timeS;
    const at = lastAtOrBefore(this.length, (index) => times[this.#start + index] as number, beforeS);
    this.#start += Math.max(0, at);
  }

  columns(column: number): ChannelColumns | undefined {
    const index = this.#channels.indexOf(column);
    const [min, max, flags] = [this.#min[index], this.#max[index], this.#flags[index]];
    if (!min || !max || !flags) return undefined;
    const [start, end] = [this.#start, this.#end];
    return {
      length: end - start,
      timeS: this.#timeS.subarray(start, end),
      min: min.subarray(start, end),
      max: max.subarray(start, end),
      flags: flags.subarray(start, end),
      firstRow: this.#firstRow.subarray(start, end),
    };
  }

  /** Removes the columns that begin at or after a row: they are sent again. True if rows were missing before that row. */
  #dropFrom(row: number): boolean {
    if (this.length === 0 || row >= this.#endRow) return false;
    const rows = this.#firstRow;
    const at = this.#start + lastAtOrBefore(this.length, (index) => rows[this.#start + index] as number, row);
    const wasApart = rows[at] === row && ((this.#flags[0]?.[at] ?? 0) & COLUMN_FLAG.gap) !== 0;
    this.#end = (rows[at] as number) >= row ? at : at + 1;
    this.#endRow = this.#end === at ? row : Math.min(this.#endRow, row);
    return wasApart;
  }

  /** Makes room at the end: slides to the front if half is free there, else grows. */
  #reserve(count: number): void {
    if (this.#end + count <= this.#capacity) return;
    const length = this.length;
    if (length + count > this.#capacity / 2) this.#resize(Math.max((length + count) * 2, this.#capacity));
    else {
      for (const array of [this.#firstRow, this.#timeS, ...this.#min, ...this.#max, ...this.#flags]) {
        array.copyWithin(0, this.#start, this.#end);
      }
    }
    this.#start = 0;
    this.#end = length;
  }

  #resize(capacity: number): void {
    const [start, end] = [this.#start, this.#end];
    const grow = <T extends Column | Uint8Array<ArrayBuffer>>(fresh: T, old: T | undefined): T => {
      if (old) fresh.set(old.subarray(start, end));
      return fresh;
    };
    const column = (): Column => (this.#isFloat64 ? new Float64Array(capacity) : new Float32Array(capacity));
    this.#firstRow = grow(new Float64Array(capacity), this.#firstRow);
    this.#timeS = grow(new Float64Array(capacity), this.#timeS);
    this.#min = this.#channels.map((_, index) => grow(column(), this.#min[index]));
    this.#max = this.#channels.map((_, index) => grow(column(), this.#max[index]));
    this.#flags = this.#channels.map((_, index) => grow(new Uint8Array(capacity), this.#flags[index]));
    this.#capacity = capacity;
  }
}

/** Streams of one channel one after the other (an instrument that was re-attached); a gap between them. */
function join(parts: readonly ChannelColumns[]): ChannelColumns {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const joined: ChannelColumns = {
    length,
    timeS: new Float64Array(length),
    min: new Float64Array(length),
    max: new Float64Array(length),
    flags: new Uint8Array(length),
    firstRow: new Float64Array(length),
  };
  let at = 0;
  for (const part of parts) {
    joined.timeS.set(part.timeS, at);
    joined.min.set(part.min, at);
    joined.max.set(part.max, at);
    joined.flags.set(part.flags, at);
    joined.firstRow.set(part.firstRow, at);
    if (at > 0) joined.flags[at] = (joined.flags[at] as number) | COLUMN_FLAG.gap;
    at += part.length;
  }
  return joined;
}
