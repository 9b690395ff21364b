import { type Batch, batchBytes } from '../core/batch.ts';
import type { ColumnBlock } from '../core/decimate.ts';

/**
 * Sample frames: what goes over a link beside the JSON messages. One ArrayBuffer with many blocks, little endian, all 8-byte aligned;
 * decoding lays views over it.
 *
 *     frame   0 u32 magic 'LWF1'  4 u32 number (0: needs no credit)  8 i64 newest arrival in it, ns since 1970   16 blocks
 *     block   0 u8 kind  1 u8 log2 n  2 u16 flags  4 u32 bytes  8 u32 id (watch, or request if `reply`)  12 u32 stream   16 …
 *     1 columns  16 f64 first row  24 u32 columns  28 u32 rows of the last  32 i64 t0 ns  40 f64 dt s   48 list  time  min and max  flags
 *     2 segment  as columns (rows count within the segment), then 48 f64 x origin s  56 f64 number   64 list …
 *     3 raw      16 list  a batch (core/batch.ts)
 *     4 latest   16 f64 row  24 i64 time ns  32 list  f64 per channel
 *     5 skipped  16 f64 from  24 f64 to (row after the last)  32 u32 reason
 *     6 gap      16 f64 row after it  24 i64 from ns  32 i64 to ns  40 f64 rows lost  48 u32 bytes of the reason  52 its UTF-8
 *     list       u16 count, u16 index of each column in the stream, padded to 8
 */
export const FRAME_MAGIC = 0x3146574c;
export const FRAME_HEADER_BYTES = 16;

export const BLOCK = { columns: 1, segment: 2, raw: 3, latest: 4, skipped: 5, gap: 6 } as const;
export const FLAG = { reply: 1, restart: 2, float64: 4, timed: 8, afterGap: 16, partial: 32, flags: 64 } as const;

/** Why a screen did not get rows. `history`: let go before it could take them; `window`: they had left its window. */
export const SKIP_REASONS = ['history', 'window'] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

export interface BlockHead {
  /** Watch, or the screen's request number if `isReply`. */
  id: number;
  isReply: boolean;
  stream: number;
}

/** `channels`: which columns of the stream, in the order of the block's columns. */
export interface ColumnsFrameBlock extends BlockHead {
  kind: 'columns';
  /** A new fill begins: what the screen has of this stream for this watch is void. */
  isRestart: boolean;
  channels: readonly number[];
  columns: ColumnBlock;
}

export interface SegmentFrameBlock extends BlockHead {
  kind: 'segment';
  channels: readonly number[];
  columns: ColumnBlock;
  xOriginS: number;
  /** Row number of the segment's first row in its stream. */
  number: number;
}

export interface RawFrameBlock extends BlockHead {
  kind: 'raw';
  channels: readonly number[];
  /** Its `channels` and columns are those of the list only. */
  batch: Omit<Batch, 'buffer'>;
}

export interface LatestFrameBlock extends BlockHead {
  kind: 'latest';
  channels: readonly number[];
  row: number;
  timeNs: bigint;
  /** NaN: missing, ±Infinity: overload. */
  values: Float64Array<ArrayBuffer>;
}

export interface SkippedFrameBlock extends BlockHead {
  kind: 'skipped';
  from: number;
  to: number;
  reason: SkipReason;
}

export interface GapFrameBlock extends BlockHead {
  kind: 'gap';
  seq: number;
  fromNs: bigint;
  toNs: bigint;
  lost: number;
  reason: string;
}

export type FrameBlock =
  | ColumnsFrameBlock
  | SegmentFrameBlock
  | RawFrameBlock
  | LatestFrameBlock
  | SkippedFrameBlock
  | GapFrameBlock;

export interface Frame {
  /** Named in the credit; 0 for pieces of history, which need none. */
  number: number;
  arrivedNs: bigint;
  blocks: FrameBlock[];
}

/** Bytes of a block in a frame. */
export function blockBytes(block: FrameBlock): number {
  switch (block.kind) {
    case 'columns':
      return 48 + listBytes(block.channels.length) + payloadBytes(block.columns, block.channels.length);
    case 'segment':
      return 64 + listBytes(block.channels.length) + payloadBytes(block.columns, block.channels.length);
    case 'raw':
      return (
        16 + listBytes(block.channels.length) + batchBytes(block.batch.rows, block.channels.length, block.batch.flags)
      );
    case 'latest':
      return 32 + listBytes(block.channels.length) + block.channels.length * 8;
    case 'skipped':
      return 40;
    case 'gap':
      return align(52 + new TextEncoder().encode(block.reason).length);
  }
}

/** Blocks and arrays begin at multiples of 8. */
export function align(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** Bytes of a channel list. */
export function listBytes(count: number): number {
  return align(2 + count * 2);
}

/** Sample arrays of a column block: with n = 1 only one value a column. */
export function arraysPerChannel(n: number): number {
  return n === 1 ? 1 : 2;
}

function payloadBytes(columns: ColumnBlock, channels: number): number {
  const width = columns.min[0] instanceof Float64Array ? 8 : 4;
  const times = columns.timeS ? columns.length * 8 : 0;
  const values = align(columns.length * channels * arraysPerChannel(columns.n) * width);
  return times + values + (columns.flags ? align(columns.length * channels) : 0);
}
