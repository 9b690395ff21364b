import type { RawFrameBlock } from '../../contract/frames.ts';
import { BATCH_FLAG, createBatch } from '../../core/batch.ts';
import { RowRing } from '../../core/ring.ts';
import type { StreamInfo } from '../../core/stream-info.ts';

export interface FeedLimits {
  /** Rows kept for clients that come back, bytes; the newest page always. */
  maxBytes: number;
  /** Older rows are let go; s. */
  maxAgeS: number;
  /** Gaps remembered. */
  maxGaps: number;
}

export const FEED_LIMITS: FeedLimits = { maxBytes: 16 * 1024 * 1024, maxAgeS: 300, maxGaps: 1000 };

/** Rows the engine never got, or the hub did not get from it. */
export interface FeedGap {
  /** First and last row missing. */
  from: number;
  to: number;
  reason: string;
}

/** One numbering of a stream, and the number after its last row. */
export interface FeedNumbering {
  epoch: number;
  endRow: number;
}

export interface FeedListener {
  /** Rows are in the ring, up to `endRow`. */
  rows(): void;
  /** Numbering began anew: another epoch, perhaps other columns. The ring is empty. */
  reset(): void;
  /** The stream is gone. */
  ended(reason: string): void;
}

/**
 * The rows of one stream as the hub has them: read once from the engine, whatever the number of clients; each client has a place in it.
 * The rows belong to the feed: who reads copies.
 */
export class StreamFeed {
  readonly key: string;
  readonly #limits: FeedLimits;
  readonly #listeners = new Set<FeedListener>();
  #info: StreamInfo;
  #ring = new RowRing();
  #gaps: FeedGap[] = [];
  #beginRow: number | undefined;
  #before: FeedNumbering | undefined;
  #isEnded = false;

  constructor(info: StreamInfo, limits: FeedLimits = FEED_LIMITS) {
    this.key = info.key;
    this.#info = info;
    this.#limits = limits;
  }

  get info(): StreamInfo {
    return this.#info;
  }

  get ring(): RowRing {
    return this.#ring;
  }

  /** Number of the row after the newest. */
  get endRow(): number {
    return this.#ring.endRow;
  }

  /** Oldest row kept; `endRow` if there is none. */
  get firstRow(): number {
    return this.#ring.firstRow ?? this.#ring.endRow;
  }

  /** Oldest row that was ever here; what is before it was never the hub's. */
  get beginRow(): number {
    return this.#beginRow ?? this.endRow;
  }

  /** The one before, if it began anew, and the present one. */
  get numberings(): FeedNumbering[] {
    const { epoch } = this.#info;
    return [...(this.#before ? [this.#before] : []), { epoch, endRow: this.endRow }];
  }

  /** Nothing comes any more. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  get users(): number {
    return this.#listeners.size;
  }

  /** Rows missing in [from, to), as far as remembered, oldest first. */
  gapsIn(from: number, to: number): FeedGap[] {
    return this.#gaps.filter((gap) => gap.to >= from && gap.from < to);
  }

  listen(listener: FeedListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Takes rows of the engine; they are copied. Rows of another epoch begin the feed anew. */
  take(block: RawFrameBlock, info: StreamInfo): void {
    if (info.epoch !== this.#info.epoch) this.reset(info);
    const { batch } = block;
    const width = info.columns.length;
    const before = this.#ring.endRow;
    if (this.#beginRow !== undefined && batch.seq > before && !this.#isKnownGap(before, batch.seq - 1))
      this.gap({ from: before, to: batch.seq - 1, reason: 'source' });
    this.#beginRow ??= batch.seq;
    const whole = createBatch({ ...batch, channels: width });
    if (batch.times) whole.times?.set(batch.times);
    whole.columns.forEach((column, index) => {
      const at = block.channels.indexOf(index);
      const source = at < 0 ? undefined : batch.columns[at];
      if (source) column.set(source);
      else column.fill(Number.NaN);
    });
    // Rows the hub let go are missing as well, and the engine knows nothing of it.
    this.#ring.append(whole, (batch.flags & BATCH_FLAG.gap) !== 0 || batch.seq !== before);
    this.#trim(batch.arrivedNs);
    for (const listener of this.#listeners) listener.rows();
  }

  gap(gap: FeedGap): void {
    this.#gaps.push(gap);
    if (this.#gaps.length > this.#limits.maxGaps) this.#gaps.shift();
  }

  reset(info: StreamInfo): void {
    this.#before = { epoch: this.#info.epoch, endRow: this.endRow };
    this.#info = info;
    this.#ring = new RowRing();
    this.#gaps = [];
    this.#beginRow = undefined;
    for (const listener of [...this.#listeners]) listener.reset();
  }

  end(reason: string): void {
    this.#isEnded = true;
    for (const listener of [...this.#listeners]) listener.ended(reason);
  }

  #isKnownGap(from: number, to: number): boolean {
    return this.#gaps.some((gap) => gap.from <= from && gap.to >= to);
  }

  #trim(newestNs: bigint): void {
    const oldestNs = newestNs - BigInt(Math.round(this.#limits.maxAgeS * 1e9));
    for (;;) {
      const [first, second] = this.#ring.pages;
      if (!first || !second) return;
      if (this.#ring.sizeBytes <= this.#limits.maxBytes && first.arrivedNs >= oldestNs) return;
      this.#ring.letGo();
    }
  }
}
