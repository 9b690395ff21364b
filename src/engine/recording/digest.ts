import type { Batch } from '../../core/batch.ts';
import { BATCH_FLAG, rowTimeNs } from '../../core/batch.ts';
import { type Extent, mergeFlags, scanExtent } from '../../core/extent.ts';
import type { StreamInfo } from '../../core/stream-info.ts';

/** Where a chunk record lies in its file, header included. */
export interface ChunkPlace {
  offset: number;
  length: number;
}

/** One stream in one chunk. Times: ns since 1970 of the first and last row. */
export interface ChunkStream {
  /** MCAP channel id. */
  channel: number;
  columns: number;
  /** BATCH_FLAG.float64 and BATCH_FLAG.timed of its batches. */
  form: number;
  batches: number;
  rows: number;
  /** Rows lost before any of its batches. */
  lost: number;
  /** `lost` of its first batch: no part of the recording if the stream was open before. */
  lostBefore: number;
  firstRow: number;
  /** Number after its last row. */
  endRow: number;
  firstNs: bigint;
  lastNs: bigint;
}

/** What is in one chunk, without cells. */
export interface ChunkEntry extends ChunkPlace {
  readonly streams: ChunkStream[];
}

/**
 * What is in one chunk, to see it without its samples: written behind each chunk while recording and once more, all together, when the
 * file is finished. It is a pure function of the chunk, so a lost one is computed again.
 */
export interface ChunkDigest extends ChunkEntry {
  streams: StreamDigest[];
  /** The events in the chunk, as their JSON texts. */
  events: string[];
}

export interface StreamDigest extends ChunkStream {
  cells: Cell[];
}

/**
 * Min, max and flags (COLUMN_FLAG) of each column over rows that lie in one chunk, in one block of 64 (slow streams) or 1024 rows
 * aligned to the row number, and on one side of every gap.
 */
export interface Cell {
  row: number;
  rows: number;
  tNs: bigint;
  /** ns from row to row; 0 if uneven. */
  stepNs: number;
  isAfterGap: boolean;
  min: Float64Array<ArrayBuffer>;
  max: Float64Array<ArrayBuffer>;
  flags: Uint8Array<ArrayBuffer>;
}

const SLOW_CELL_ROWS = 64;
const FAST_CELL_ROWS = 1024;
const FAST_HZ = 2000;

/** Rows of a block of cells at that rate; a power of two. */
export function cellRows(rateHz: number): number {
  return rateHz >= FAST_HZ ? FAST_CELL_ROWS : SLOW_CELL_ROWS;
}

/** Whether the rows of a stream are few for their time, so that chunks hold few of them: those are kept in the sidecar too. */
export function isSlow({ kind, rateHz }: Pick<StreamInfo, 'kind' | 'rateHz'>): boolean {
  return kind !== 'segment' && rateHz < FAST_HZ;
}

/** Collects the digest of one stream in the chunk being filled. `blockRows` from `cellRows`; 0 for segments, which are in no time ring. */
export function createStreamDigest(channel: number, columns: number): StreamDigest {
  return {
    channel,
    columns,
    form: 0,
    batches: 0,
    rows: 0,
    lost: 0,
    lostBefore: 0,
    firstRow: 0,
    endRow: 0,
    firstNs: 0n,
    lastNs: 0n,
    cells: [],
  };
}

/** Adds a batch to the digest of its stream. */
export function addToDigest(digest: StreamDigest, batch: Batch, blockRows: number): void {
  if (digest.batches === 0) {
    digest.firstRow = batch.seq;
    digest.firstNs = batch.t0Ns;
    digest.lostBefore = batch.lost;
    digest.form = batch.flags & (BATCH_FLAG.float64 | BATCH_FLAG.timed);
  }
  const isBroken =
    batch.lost > 0 || (batch.flags & BATCH_FLAG.gap) !== 0 || (digest.batches > 0 && batch.seq !== digest.endRow);
  digest.batches++;
  digest.rows += batch.rows;
  digest.lost += batch.lost;
  digest.endRow = batch.seq + batch.rows;
  if (batch.rows === 0) return;
  digest.lastNs = rowTimeNs(batch, batch.rows - 1);
  if (blockRows === 0) return;
  let from = 0;
  while (from < batch.rows) {
    const row = batch.seq + from;
    const to = Math.min(batch.rows, from + blockRows - (row % blockRows));
    addCell(digest, batch, from, to, from === 0 && isBroken, blockRows);
    from = to;
  }
}

const found: Extent = { min: 0, max: 0, flags: 0 };

function addCell(
  digest: StreamDigest,
  batch: Batch,
  from: number,
  to: number,
  isAfterGap: boolean,
  block: number,
): void {
  const row = batch.seq + from;
  let cell = digest.cells.at(-1);
  const isNew = !cell || isAfterGap || row % block === 0;
  if (!cell || isNew) {
    cell = {
      row,
      rows: 0,
      tNs: rowTimeNs(batch, from),
      stepNs: batch.dtS * 1e9,
      isAfterGap,
      min: new Float64Array(digest.columns),
      max: new Float64Array(digest.columns),
      flags: new Uint8Array(digest.columns),
    };
    digest.cells.push(cell);
  }
  cell.rows += to - from;
  for (let index = 0; index < digest.columns; index++) {
    const column = batch.columns[index];
    if (!column) continue;
    scanExtent(column, from, to, found);
    mergeExtent(cell, index, found, isNew);
  }
}

/** Folds a neighbouring stretch into a cell's column. */
export function mergeExtent(
  cell: Pick<Cell, 'min' | 'max' | 'flags'>,
  index: number,
  extent: Extent,
  isFirst: boolean,
): void {
  if (isFirst) {
    cell.min[index] = extent.min;
    cell.max[index] = extent.max;
    cell.flags[index] = extent.flags;
    return;
  }
  const low = cell.min[index] ?? Number.NaN;
  const high = cell.max[index] ?? Number.NaN;
  if (extent.min < low || Number.isNaN(low)) cell.min[index] = extent.min;
  if (extent.max > high || Number.isNaN(high)) cell.max[index] = extent.max;
  cell.flags[index] = mergeFlags(cell.flags[index] ?? 0, extent.flags);
}
