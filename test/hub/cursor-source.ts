import type { Backlog, SourceFrame, StreamSource, Thinning } from '../../src/hub/delivery/delivery-source.ts';
import type { Encoded } from '../../src/hub/delivery/outbound-message.ts';
import { addSkips } from '../../src/hub/delivery/skip.ts';
import type { FrameSkip } from '../../src/protocol/lab/labwire-frame.ts';
import type { Priority } from '../../src/protocol/lab/priority.ts';

/** Numbered rows in a ring that others fill and share. */
export interface SharedRows {
  /** Oldest row kept; `endRow` if there is none. */
  readonly firstRow: number;
  /** Number of the row after the newest. */
  readonly endRow: number;
  /** The first rows without a gap at or after `row`: [from, to); undefined if none is kept. */
  run(row: number): { from: number; to: number } | undefined;
}

/** One frame to be made from the rows [from, to). */
export interface FrameOrder {
  from: number;
  to: number;
  /** Rows it shall have: as many as there are, fewer when thinned (min and max kept), one for a snapshot. */
  rows: number;
  /** Number of its first row: to − rows, so that the next frame follows it without a gap. */
  seq: number;
  /** Everything left out just before its rows, the thinned ones too. */
  skipped: FrameSkip | undefined;
  thinning: Thinning['kind'];
}

export interface CursorSourceOptions {
  key: string;
  priority: Priority;
  rows: SharedRows;
  /** First row to be sent. */
  fromRow: number;
  /** Most rows in a frame. */
  rowsPerFrame: number;
  /** Bytes a row takes, about. */
  bytesPerRow: number;
  /** Already left out before `fromRow`. */
  skipped?: FrameSkip;
  encode(order: FrameOrder): Encoded;
}

const FRAME_OVERHEAD_BYTES = 48;

/** A place in a ring shared by all clients: a row exists once, whatever the number of clients. */
export class CursorSource implements StreamSource {
  readonly kind = 'stream';
  readonly #options: CursorSourceOptions;
  readonly #fromRow: number;
  #cursor: number;
  #lostRows = 0;
  #skipped: FrameSkip | undefined;

  constructor(options: CursorSourceOptions) {
    this.#options = options;
    this.#fromRow = options.fromRow;
    this.#cursor = options.fromRow;
    this.#skipped = options.skipped;
  }

  get key(): string {
    return this.#options.key;
  }

  get priority(): Priority {
    return this.#options.priority;
  }

  /** Row to be read next. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Left out since the last frame, for a `gap` when the stream ends. */
  get skipped(): FrameSkip | undefined {
    return this.#skipped;
  }

  backlog(): Backlog {
    this.#passLost();
    const { rows, rowsPerFrame, bytesPerRow } = this.#options;
    const waiting = Math.max(0, rows.endRow - this.#cursor);
    const frames = Math.ceil(waiting / rowsPerFrame);
    return {
      producedRows: Math.max(0, rows.endRow - this.#fromRow),
      rows: waiting,
      frames,
      bytes: waiting * bytesPerRow + frames * FRAME_OVERHEAD_BYTES,
      lostRows: this.#lostRows,
    };
  }

  take(maxBytes: number, thinning: Thinning): SourceFrame | undefined {
    this.#passLost();
    const { rows, encode } = this.#options;
    const run = rows.run(this.#cursor);
    if (!run) return undefined;
    const from = this.#cursor;
    const to = thinning.kind === 'snapshot' ? rows.endRow : Math.min(run.to, from + this.#most(maxBytes, thinning));
    const count = to - from;
    const kept = keptRows(count, thinning);
    const reason = thinning.kind === 'snapshot' ? 'conflated' : 'decimated';
    const skipped = addSkips(this.#skipped, { n: count - kept, reason });
    this.#cursor = to;
    this.#skipped = undefined;
    const data = encode({ from, to, rows: kept, seq: to - kept, skipped, thinning: thinning.kind });
    return { data, rows: kept, thinnedRows: count - kept };
  }

  skip(frames: number): number {
    this.#passLost();
    const { rows, rowsPerFrame } = this.#options;
    const count = Math.min(Math.max(0, rows.endRow - this.#cursor), frames * rowsPerFrame);
    this.#leaveOut(count, 'overflow');
    return count;
  }

  /** Rows that a frame of that many bytes stands for. */
  #most(maxBytes: number, thinning: Thinning): number {
    const { rowsPerFrame, bytesPerRow } = this.#options;
    const room = Math.max(1, Math.min(rowsPerFrame, Math.floor((maxBytes - FRAME_OVERHEAD_BYTES) / bytesPerRow)));
    return thinning.kind === 'decimate' ? Math.max(1, Math.floor(room * thinning.factor)) : room;
  }

  /** Passes what the ring gave up, and holes it has. */
  #passLost(): void {
    const { rows } = this.#options;
    const givenUp = Math.min(rows.firstRow, rows.endRow) - this.#cursor;
    if (givenUp > 0) this.#lose(givenUp, 'overflow');
    const hole = (rows.run(this.#cursor)?.from ?? rows.endRow) - this.#cursor;
    if (hole > 0) this.#lose(hole, 'source');
  }

  #lose(count: number, reason: FrameSkip['reason']): void {
    this.#lostRows += count;
    this.#leaveOut(count, reason);
  }

  #leaveOut(count: number, reason: FrameSkip['reason']): void {
    this.#cursor += count;
    this.#skipped = addSkips(this.#skipped, { n: count, reason });
  }
}

function keptRows(count: number, thinning: Thinning): number {
  if (thinning.kind === 'snapshot') return 1;
  return thinning.kind === 'decimate' ? Math.ceil(count / thinning.factor) : count;
}
