import type { ColumnsFrameBlock } from '../../contract/frames.ts';
import { type ColumnBlock, columnRow, rowsPerColumn } from '../../core/decimate.ts';
import { PYRAMID_BASE } from '../../core/pyramid.ts';
import { splitColumns } from './read-history.ts';
import type { StreamHistory } from './stream-history.ts';
import type { FrameDraft, WatchFill, WatchPart } from './watch-part.ts';

const PIECE_BYTES = 128 * 1024;
/** Frame and block heads around the columns of one stream: what a message costs before it carries anything. */
const HEAD_BYTES = 72;

export interface ColumnsWindow {
  windowS: number;
  width: number;
  /** Time of the samples that is now: of a replay its own. */
  nowNs(): bigint;
  /** ms of real time. */
  monotonicMs(): number;
  flushMs: number;
}

/**
 * Sends the columns of one stream: those of the window first, then what is new since the cursor. The newest column is partial and is sent
 * again under its number; it is held back while full columns keep coming within two flushes, so that fast streams cost only full ones.
 * A few columns of a fast stream, lighter than their heads, wait for a second flush (32 ms), so that a lone channel costs columns and not heads.
 */
export class ColumnsPart implements WatchPart {
  readonly streamId: number;
  readonly channels: readonly number[];
  #n = 1;
  readonly #id: number;
  readonly #stream: StreamHistory;
  readonly #window: ColumnsWindow;
  /** First row not yet sent in a full column, and the row after the last one sent at all. */
  #cursor = 0;
  #sentEnd = 0;
  #wasPartial = false;
  /** Nothing sent yet: what comes first begins a new fill. */
  #isRestart = true;
  #gapRow = -1;
  #sentMs = Number.NEGATIVE_INFINITY;

  /** Looked at when the stream has its first row: before, neither rate nor window are known. */
  #isStarted = false;
  readonly #afterRow: number | undefined;

  /** `afterRow`: the last row the screen has, columns of the same n; the fill goes on there if it is still in the window. */
  constructor(
    id: number,
    stream: StreamHistory,
    channels: readonly number[],
    window: ColumnsWindow,
    afterRow?: number,
  ) {
    this.streamId = stream.info.id;
    this.channels = channels;
    this.#id = id;
    this.#stream = stream;
    this.#window = window;
    this.#afterRow = afterRow;
    this.#start();
  }

  get fill(): WatchFill {
    return { stream: this.streamId, from: this.#cursor, to: this.#stream.endRow, n: this.#n };
  }

  get unsent(): { from: number; to: number } | undefined {
    const { endRow } = this.#stream;
    return this.#isStarted && !this.#isRestart && endRow > this.#sentEnd
      ? { from: this.#sentEnd, to: endRow }
      : undefined;
  }

  collect(draft: FrameDraft): number {
    const stream = this.#stream;
    const { endRow } = stream;
    if (!this.#start() || (endRow <= this.#sentEnd && !(stream.isClosed && this.#wasPartial))) return 0;
    if (this.#isLight(endRow)) return 0;
    const left = this.#skipTo(this.#windowRow(), 'window', draft);
    if (left === undefined) return 0;
    const answer = stream.columns(this.channels, this.#cursor, endRow, this.#n);
    const gone = this.#skipTo(answer.firstRow, 'history', draft);
    if (gone === undefined) return left;
    if (this.#announceGaps(draft)) this.#sendAll(this.#withoutHeldColumn(answer.blocks), draft);
    return left + gone;
  }

  #start(): boolean {
    if (this.#isStarted || this.#stream.endRow === 0) return this.#isStarted;
    this.#isStarted = true;
    this.#n = rowsPerColumn((this.#window.windowS * rateOf(this.#stream)) / this.#window.width);
    const start = this.#windowRow();
    const next = (this.#afterRow ?? -2) + 1;
    if (next > start && next <= this.#stream.endRow) {
      this.#cursor = Math.max(start, Math.floor(next / this.#n) * this.#n);
      this.#isRestart = false;
    } else this.#cursor = start;
    this.#sentEnd = this.#cursor;
    return true;
  }

  /** Only with many rows a column: slow streams cost nothing, and are to be seen at once. */
  #isLight(endRow: number): boolean {
    if (this.#n < PYRAMID_BASE || this.#isRestart || this.#stream.isClosed) return false;
    const waitedMs = this.#window.monotonicMs() - this.#sentMs;
    if (waitedMs >= 1.5 * this.#window.flushMs) return false;
    const columns = Math.floor(endRow / this.#n) - Math.floor(this.#cursor / this.#n);
    return columns * this.channels.length * 8 < HEAD_BYTES;
  }

  #sendAll(blocks: ColumnBlock[], draft: FrameDraft): void {
    for (const block of blocks) {
      for (const columns of splitColumns(block, PIECE_BYTES)) if (!this.#send(columns, draft)) return;
    }
    const arrivedNs = this.#stream.latest()?.arrivedNs;
    if (arrivedNs !== undefined && blocks.length > 0) draft.arrived(arrivedNs);
  }

  #send(columns: ColumnBlock, draft: FrameDraft): boolean {
    const block: ColumnsFrameBlock = {
      kind: 'columns',
      id: this.#id,
      isReply: false,
      stream: this.streamId,
      isRestart: this.#isRestart,
      channels: this.channels,
      columns,
    };
    if (!draft.offer(block)) return false;
    this.#isRestart = false;
    this.#sentMs = this.#window.monotonicMs();
    this.#wasPartial = columns.isPartial;
    this.#sentEnd = columns.firstRow + columns.rows;
    this.#cursor = columns.isPartial ? columnRow(columns, columns.length - 1) : this.#sentEnd;
    return true;
  }

  /** First row of the window: back from the newest row, or from now if the stream is closed. */
  #windowRow(): number {
    const stream = this.#stream;
    const newestNs = stream.isClosed ? this.#window.nowNs() : stream.latest()?.timeNs;
    if (newestNs === undefined) return 0;
    const row = stream.rowAt(newestNs - BigInt(Math.round(this.#window.windowS * 1e9)));
    return Math.floor(row / this.#n) * this.#n;
  }

  /** Moves the cursor on and says so, unless nothing was promised yet; gives the rows skipped, undefined if the draft is full. */
  #skipTo(row: number, reason: 'window' | 'history', draft: FrameDraft): number | undefined {
    const from = this.#cursor;
    const to = Math.min(row, this.#stream.endRow);
    if (to <= from) return 0;
    const head = { id: this.#id, isReply: false, stream: this.streamId };
    if (!this.#isRestart && !draft.offer({ kind: 'skipped', ...head, from, to, reason })) return undefined;
    const rows = this.#isRestart ? 0 : Math.max(0, to - Math.max(from, this.#sentEnd));
    this.#cursor = to;
    this.#sentEnd = Math.max(this.#sentEnd, to);
    this.#wasPartial = false;
    return rows;
  }

  /** False if the draft is full. */
  #announceGaps(draft: FrameDraft): boolean {
    for (const gap of this.#stream.runs.gaps(this.#cursor, this.#stream.endRow)) {
      if (gap.seq <= this.#gapRow) continue;
      if (!draft.offer({ kind: 'gap', id: this.#id, isReply: false, ...gap })) return false;
      this.#gapRow = gap.seq;
    }
    return true;
  }

  #withoutHeldColumn(blocks: ColumnBlock[]): ColumnBlock[] {
    const last = blocks[blocks.length - 1];
    if (!last?.isPartial) return blocks;
    const hasFull = last.length > 1 || blocks.length > 1;
    if (!hasFull || this.#n / rateOf(this.#stream) > (2 * this.#window.flushMs) / 1000) return blocks;
    const rest = blocks.slice(0, -1);
    if (last.length === 1) return rest;
    return [...rest, withoutLast(last)];
  }
}

/** Rows per second: as announced, else as come so far. */
function rateOf(stream: StreamHistory): number {
  if (stream.info.rateHz > 0) return stream.info.rateHz;
  const run = stream.runs.last;
  const spanS = run ? Number(run.endNs - run.t0Ns) / 1e9 : 0;
  return run && spanS > 0 ? (run.endRow - run.firstRow - 1) / spanS : 1;
}

function withoutLast(block: ColumnBlock): ColumnBlock {
  const length = block.length - 1;
  const channels = block.min.length;
  const min = block.min.map((column) => column.subarray(0, length));
  let flags: Uint8Array<ArrayBuffer> | undefined;
  if (block.flags) {
    flags = new Uint8Array(length * channels);
    for (let index = 0; index < channels; index++) {
      flags.set(block.flags.subarray(index * block.length, index * block.length + length), index * length);
    }
  }
  return {
    ...block,
    length,
    rows: columnRow(block, length) - block.firstRow,
    timeS: block.timeS?.subarray(0, length),
    min,
    max: block.n === 1 ? min : block.max.map((column) => column.subarray(0, length)),
    flags,
    isPartial: false,
  };
}
