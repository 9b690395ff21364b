import { BATCH_FLAG, type Batch } from '../../core/batch.ts';
import { type ColumnBlock, ColumnBuilder, rowsPerColumn } from '../../core/decimate.ts';
import type { StreamInfo } from '../../core/stream-info.ts';

/** One waveform with its own x origin and step. `number`: row number of its first row in the stream. */
export interface Segment {
  number: number;
  rows: number;
  t0Ns: bigint;
  arrivedNs: bigint;
  dtS: number;
  xOriginS: number;
  parts: Batch[];
}

export interface SegmentLimits {
  /** Newest segments kept of a stream. */
  segments: number;
  /** Bytes kept of a stream; the newest complete segment is kept whatever its size, up to this. */
  sizeBytes: number;
}

/** The newest complete segments of one stream. They never enter the time ring: their rows are not rows of the bench's time. */
export class SegmentHistory {
  readonly info: StreamInfo;
  readonly segments: Segment[] = [];
  isClosed = false;
  /** Segments that never got their end, or were larger than all that may be kept. */
  lost = 0;
  readonly #limits: SegmentLimits;
  #open: Segment | undefined;
  #openBytes = 0;

  constructor(info: StreamInfo, limits: SegmentLimits) {
    this.info = info;
    this.#limits = limits;
  }

  get latest(): Segment | undefined {
    return this.segments[this.segments.length - 1];
  }

  get sizeBytes(): number {
    let sum = this.#openBytes;
    for (const segment of this.segments) sum += sizeOf(segment);
    return sum;
  }

  append(batch: Batch): void {
    if (batch.channels !== this.info.columns.length) return;
    if (batch.flags & BATCH_FLAG.firstOfSegment) {
      if (this.#open) this.lost++;
      const { seq, t0Ns, arrivedNs, dtS, xOriginS } = batch;
      this.#open = { number: seq, rows: 0, t0Ns, arrivedNs, dtS, xOriginS, parts: [] };
      this.#openBytes = 0;
    }
    const open = this.#open;
    if (!open) return;
    if (batch.seq !== open.number + open.rows || this.#openBytes + batch.buffer.byteLength > this.#limits.sizeBytes) {
      this.lost++;
      this.#open = undefined;
      this.#openBytes = 0;
      return;
    }
    open.parts.push(batch);
    open.rows += batch.rows;
    open.arrivedNs = batch.arrivedNs;
    this.#openBytes += batch.buffer.byteLength;
    if (!(batch.flags & BATCH_FLAG.lastOfSegment)) return;
    this.segments.push(open);
    this.#open = undefined;
    this.#openBytes = 0;
    while (this.segments.length > 1 && this.#isOver()) this.segments.shift();
  }

  #isOver(): boolean {
    return this.segments.length > this.#limits.segments || this.sizeBytes > this.#limits.sizeBytes;
  }
}

/** Min/max columns of a segment, about `width` of them; rows count from 0 within the segment. */
export function segmentColumns(segment: Segment, channels: readonly number[], width: number): ColumnBlock | undefined {
  const isFloat64 = segment.parts.some((part) => part.flags & BATCH_FLAG.float64);
  const n = rowsPerColumn(segment.rows / width);
  const stretch = { t0Ns: segment.t0Ns, dtS: segment.dtS, isTimed: false };
  const builder = new ColumnBuilder(n, channels, isFloat64, () => stretch);
  for (const part of segment.parts) {
    builder.addRows(part.columns, 0, part.rows, part.seq - segment.number, false, () => 0);
  }
  return builder.finish(false)[0];
}

function sizeOf(segment: Segment): number {
  return segment.parts.reduce((sum, part) => sum + part.buffer.byteLength, 0);
}
