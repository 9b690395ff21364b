import { encodeBatch, type FrameSkip, type SkipReason } from '../../protocol/lab/labwire-frame.ts';
import type { Priority } from '../../protocol/lab/priority.ts';
import type { FeedHold } from '../bench/feed-table.ts';
import type { FeedGap, StreamFeed } from '../bench/stream-feed.ts';
import type { Backlog, SourceFrame, StreamSource, Thinning } from '../delivery/delivery-source.ts';
import { graver } from '../delivery/skip.ts';
import type { FrameCompressor } from './frame-compressor.ts';
import { chooseRows, type PlacedRow } from './row-choice.ts';
import { type Pace, RowCursor } from './row-cursor.ts';
import { type RowAccept, RowForm } from './row-form.ts';
import { KEEP_ALL, RowShedding, type SheddingRules } from './row-shedding.ts';
import { dtypeOf, schemaOf } from './stream-form.ts';

export interface FeedSourceOptions {
  /** `equipment/stream`. */
  key: string;
  handle: number;
  priority: Priority;
  accept: RowAccept;
  compressor?: FrameCompressor | undefined;
  pace: Pace;
  /** Largest frame; bytes. */
  maxFrameBytes: number;
  /** Next row of the client; undefined: what comes from now on. */
  from?: number | undefined;
  /** Rows before this are sent again: flagged as replay. */
  replayTo?: number | undefined;
  /** Default: every row waits for its turn. */
  shedding?: Readonly<SheddingRules> | undefined;
  /** For the age of rows; default: that of this machine. */
  nowNs?: (() => bigint) | undefined;
  /** Everything has been taken, and `stream_stopped` after it. */
  onOver(): void;
}

/** Bytes of a frame beside its values: header, skip, padding. */
const FRAME_OVERHEAD = 64;
/** Rows looked at to choose some of them. */
const MOST_CHOSEN_FROM = 65_536;

/**
 * The rows of one feed for one client: a place in it, nothing is stored here but words about the stream that go out before its next row.
 *
 *     running ──feed ends──▶ emptying ──last row taken──▶ over
 *        ▲ └──feed begins anew: gap?, stream_reset──┐
 *        └────────────────────────────────────────────┘
 *
 * What is left out is told: seq = previous seq + previous rows + skipped.
 */
export class FeedSource implements StreamSource {
  readonly kind = 'stream';
  readonly key: string;
  readonly priority: Priority;
  readonly #options: FeedSourceOptions;
  readonly #feed: StreamFeed;
  readonly #cursor: RowCursor;
  readonly #shedding: RowShedding;
  #codecs: RowAccept['codecs'];
  #form: RowForm;
  #dtype: 'f32' | 'f64';
  #epoch: number;
  /** Number the client expects next; undefined: it has none of this epoch. */
  #at: number | undefined;
  /** Why rows since then are left out, if not for the rate or the source. */
  #reason: SkipReason | undefined;
  #words: string[] = [];
  /** Gaps that were named, up to this row. */
  #told = -1;
  #last: string | undefined;
  #sent = 0;
  #left = 0;
  #turn = 0;
  #waiting = 0;
  #end = 0;

  constructor({ feed }: Pick<FeedHold, 'feed'>, options: FeedSourceOptions) {
    this.key = options.key;
    this.priority = options.priority;
    this.#options = options;
    this.#feed = feed;
    this.#codecs = options.accept.codecs;
    const from = options.from ?? (feed.ring.firstRow === undefined ? undefined : feed.endRow);
    this.#cursor = new RowCursor(feed, options.pace, from);
    const { shedding = KEEP_ALL, nowNs = () => BigInt(Date.now()) * 1_000_000n } = options;
    this.#shedding = new RowShedding(shedding, nowNs);
    this.#at = from;
    this.#epoch = feed.info.epoch;
    this.#dtype = dtypeNow(feed);
    this.#form = new RowForm(feed.info, this.#codecs, options.compressor);
  }

  get handle(): number {
    return this.#options.handle;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Number of the next row; undefined: not known before it comes. */
  get seq(): number | undefined {
    return this.#at;
  }

  get dtype(): 'f32' | 'f64' {
    return this.#dtype;
  }

  set pace(pace: Pace) {
    this.#cursor.pace = pace;
  }

  /** From now on, of what waits, too. */
  set shedding(rules: Readonly<SheddingRules>) {
    this.#shedding.rules = rules;
  }

  set codecs(codecs: RowAccept['codecs']) {
    this.#codecs = codecs;
    this.#form.codecs = codecs;
  }

  /** The feed begins anew. What was not taken of the old numbering is named as a gap. */
  reset(): void {
    if (this.#at !== undefined && this.#end > this.#at)
      this.#words.push(this.#gapText({ from: this.#at, to: this.#end - 1, reason: 'The stream began anew.' }));
    this.#shedding.lost += this.#waiting;
    this.#waiting = 0;
    this.#at = undefined;
    this.#told = -1;
    this.#reason = undefined;
    this.#cursor.moveTo(undefined);
    this.#epoch = this.#feed.info.epoch;
    this.#dtype = dtypeOf(this.#feed.info);
    this.#form = new RowForm(this.#feed.info, this.#codecs, this.#options.compressor);
    this.#words.push(this.#resetText());
  }

  /** The feed ends: after its rows the client is told. */
  ended(reason: string): void {
    this.#last = JSON.stringify({ type: 'stream_stopped', key: this.key, reason });
  }

  backlog(): Backlog {
    this.#shed();
    this.#at ??= this.#cursor.next;
    const rows = this.#cursor.waiting;
    this.#waiting = rows;
    this.#end = this.#feed.endRow;
    const page = this.#cursor.stretch?.page;
    const rowBytes = page ? this.#form.rowBytes(page) : 8;
    const perFrame = this.#options.accept.binary ? this.#rowsPerFrame(rowBytes) : 1;
    const words = this.#words.length + (this.#last !== undefined && rows === 0 ? 1 : 0);
    const { lost, conflated } = this.#shedding;
    return {
      producedRows: this.#sent + this.#left + lost + conflated + rows,
      rows,
      frames: words + Math.ceil(rows / perFrame),
      bytes:
        Math.ceil(rows * (rowBytes * this.#form.ratio + (perFrame > 1 ? 0 : FRAME_OVERHEAD))) + words * FRAME_OVERHEAD,
      lostRows: lost,
      conflatedRows: conflated,
    };
  }

  take(maxBytes: number, thinning: Thinning): SourceFrame | undefined {
    this.#shed();
    this.#at ??= this.#cursor.next;
    const page = this.#cursor.stretch?.page;
    if (page && kindOf(page) !== this.#dtype) {
      this.#dtype = kindOf(page);
      this.#words.push(this.#resetText());
    }
    const word = this.#words.shift();
    if (word !== undefined) return { data: word, rows: 0, thinnedRows: 0 };
    if (!page) return this.#takeLast();
    const rows = thinning.kind === 'none' && !this.#cursor.isPaced ? this.#stretch(maxBytes) : undefined;
    return rows ?? this.#choice(maxBytes, thinning);
  }

  skip(frames: number): number {
    this.#shed();
    let rows = 0;
    for (let frame = 0; frame < frames && rows < MOST_CHOSEN_FROM; frame++) {
      const page = this.#cursor.stretch?.page;
      if (!page) break;
      const perFrame = this.#options.accept.binary ? this.#rowsPerFrame(this.#form.rowBytes(page)) : 1;
      const passed = this.#cursor.take(perFrame);
      rows += passed.length;
      this.#moveAfter(passed.at(-1));
    }
    if (rows > 0) this.#worsen('overflow');
    this.#left += rows;
    return rows;
  }

  /** Rows one after the other, as many as fit one frame. */
  #stretch(maxBytes: number): SourceFrame | undefined {
    const stretch = this.#cursor.stretch;
    if (!stretch || !this.#options.accept.binary) return undefined;
    const { page, from } = stretch;
    const first = page.firstRow + from;
    const gap = this.#gapWord(first);
    if (gap) return gap;
    const { replayTo = 0, handle } = this.#options;
    const isReplay = first < replayTo;
    const bytes = Math.min(maxBytes, this.#options.maxFrameBytes);
    const end = isReplay ? Math.min(stretch.to, replayTo - page.firstRow) : stretch.to;
    const skipped = this.#skipBefore(first);
    let to = Math.min(end, from + this.#form.rowsIn(page, bytes));
    let data = this.#form.frame(page, { handle, from, to, skipped, isReplay });
    if (data.length > bytes) {
      to = Math.min(end, from + this.#form.rowsIn(page, bytes, true));
      data = this.#form.frame(page, { handle, from, to, skipped, isReplay });
    }
    this.#account({ page, index: to - 1 }, to - from);
    return { data, rows: to - from, thinnedRows: 0 };
  }

  /** Single rows: those that are due, or of them those that show most. */
  #choice(maxBytes: number, thinning: Thinning): SourceFrame | undefined {
    const bytes = Math.min(maxBytes, this.#options.maxFrameBytes);
    const { binary } = this.#options.accept;
    const single = FRAME_OVERHEAD + (this.#form.indices.length + 1) * 8;
    const most = binary ? Math.max(1, Math.floor(bytes / single)) : 1;
    const due = this.#cursor.take(this.#groupSize(most, thinning));
    const last = due.at(-1);
    if (!last) return undefined;
    const gap = this.#gapWord(last.page.firstRow + last.index);
    if (gap) return gap;
    const chosen = this.#chosen(due, most, thinning);
    const frames = chosen.map((row) => this.#single(row));
    const thinned = due.length - chosen.length;
    if (thinned > 0) this.#worsen('decimated');
    this.#left += thinned;
    this.#moveAfter(last);
    const [first] = frames;
    if (first === undefined) return undefined;
    const data = frames.length === 1 ? first : encodeBatch(frames.filter((frame) => typeof frame !== 'string'));
    return { data, rows: chosen.length, thinnedRows: thinned };
  }

  #groupSize(most: number, thinning: Thinning): number {
    if (thinning.kind === 'none') return most;
    if (thinning.kind === 'snapshot') return MOST_CHOSEN_FROM;
    const ends = this.#options.accept.binary ? 2 * this.#form.indices.length : 1;
    return Math.max(1, Math.min(MOST_CHOSEN_FROM, Math.ceil(Math.min(ends, most) * thinning.factor)));
  }

  #chosen(due: readonly PlacedRow[], most: number, thinning: Thinning): PlacedRow[] {
    if (thinning.kind === 'none') return [...due];
    const { indices } = this.#form;
    if (thinning.kind === 'snapshot') return chooseRows(due, indices, Math.min(most, 2 * indices.length + 1), 0, true);
    const allowed = Math.min(most, Math.max(1, Math.floor(due.length / thinning.factor)));
    this.#turn += allowed;
    return chooseRows(due, indices, allowed, this.#turn);
  }

  #single(row: PlacedRow): Uint8Array | string {
    const { page, index } = row;
    const seq = page.firstRow + index;
    const isReplay = seq < (this.#options.replayTo ?? 0);
    const skipped = this.#skipBefore(seq);
    this.#account(row, 1);
    if (this.#options.accept.binary)
      return this.#form.frame(page, { handle: this.handle, from: index, to: index + 1, skipped, isReplay });
    return this.#form.text(page, index, {
      key: this.key,
      ep: this.#epoch,
      ...(skipped ? { skipped } : {}),
      ...(isReplay ? { replay: true } : {}),
    });
  }

  #takeLast(): SourceFrame | undefined {
    const data = this.#last;
    if (data === undefined) return undefined;
    const end = this.#feed.endRow;
    if (this.#reason !== undefined && this.#at !== undefined && this.#at < end) {
      // Nothing follows that could tell it.
      const gap = this.#gapText({ from: this.#at, to: end - 1, reason: 'They were not sent before the stream ended.' });
      this.#at = end;
      return { data: gap, rows: 0, thinnedRows: 0 };
    }
    this.#last = undefined;
    queueMicrotask(() => this.#options.onOver());
    return { data, rows: 0, thinnedRows: 0 };
  }

  #account({ page, index }: PlacedRow, rows: number): void {
    this.#at = page.firstRow + index + 1;
    this.#cursor.moveTo(this.#at);
    this.#reason = undefined;
    this.#sent += rows;
  }

  #moveAfter(row: PlacedRow | undefined): void {
    if (row) this.#cursor.moveTo(row.page.firstRow + row.index + 1);
  }

  #shed(): void {
    const reason = this.#shedding.shed(this.#cursor);
    if (reason !== undefined) this.#worsen(reason);
  }

  #worsen(reason: SkipReason): void {
    this.#reason = this.#reason === undefined ? reason : graver(this.#reason, reason);
  }

  #skipBefore(row: number): FrameSkip | undefined {
    const at = this.#at ?? row;
    if (row <= at) return undefined;
    const isSource = this.#feed.gapsIn(at, row).length > 0;
    const ours = this.#reason ?? (isSource || this.#cursor.isPaced ? 'rate' : 'overflow');
    return { n: row - at, reason: isSource ? graver(ours, 'source') : ours };
  }

  /** What the instrument lost before a row and was not named yet, in its own words. */
  #gapWord(row: number): SourceFrame | undefined {
    // The newest value waits behind nothing: what is missing before it is told in it.
    if (this.#shedding.rules.isLatest) return undefined;
    const after = Math.max(this.#at ?? row, this.#told + 1);
    const gap = after < row ? this.#feed.gapsIn(after, row).find(({ from }) => from >= after) : undefined;
    if (!gap) return undefined;
    this.#told = gap.to;
    return { data: this.#gapText(gap), rows: 0, thinnedRows: 0 };
  }

  #gapText({ from, to, reason }: FeedGap): string {
    return JSON.stringify({ type: 'gap', key: this.key, epoch: this.#epoch, from, to, reason });
  }

  #resetText(): string {
    const schema = schemaOf(this.#feed.info, this.#dtype);
    return JSON.stringify({ type: 'stream_reset', key: this.key, handle: this.handle, epoch: this.#epoch, schema });
  }

  #rowsPerFrame(rowBytes: number): number {
    const { maxFrameBytes } = this.#options;
    if (this.#cursor.isPaced) return Math.max(1, Math.floor(maxFrameBytes / (rowBytes + FRAME_OVERHEAD)));
    return Math.max(1, Math.floor((maxFrameBytes - FRAME_OVERHEAD) / rowBytes));
  }
}

function kindOf(page: { columns: readonly unknown[] }): 'f32' | 'f64' {
  return page.columns[0] instanceof Float64Array ? 'f64' : 'f32';
}

function dtypeNow(feed: StreamFeed): 'f32' | 'f64' {
  const page = feed.ring.pages.at(-1);
  return page ? kindOf(page) : dtypeOf(feed.info);
}
