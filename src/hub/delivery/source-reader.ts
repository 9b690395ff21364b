import type { AttachedSource } from './attached-source.ts';
import type { DeliveryOptions } from './delivery-options.ts';
import type { DeliveryState } from './delivery-report.ts';
import type { StreamSource, Thinning } from './delivery-source.ts';
import type { LossBook } from './loss-book.ts';
import type { Encoded } from './outbound-message.ts';
import { normalShare } from './pressure-state.ts';
import type { SourceDesk } from './source-desk.ts';
import type { StreamLedgers } from './stream-ledgers.ts';

const CRITICAL = 0;
const HIGH = 1;
const NORMAL = 2;
const WHOLE: Thinning = { kind: 'none' };
const NEVER = Number.POSITIVE_INFINITY;
/** Fewer rows than one of two are not worth the name. */
const LEAST_FACTOR = 2;
const MOST_FACTOR = 1024;

export interface SourceReaderParts {
  sources: SourceDesk;
  ledgers: StreamLedgers;
  book: LossBook;
  options: () => DeliveryOptions;
  pressure: () => { state: DeliveryState; share: number };
  isDraining: () => boolean;
}

/** Takes messages out of sources as pressure wants them: whole, thinned, one a second, or not at all. */
export class SourceReader {
  readonly #parts: SourceReaderParts;

  constructor(parts: SourceReaderParts) {
    this.#parts = parts;
  }

  /** How long a source has no turn: ms, endless until pressure is over; undefined: it may send. What nobody gets in emergency goes. */
  holdMs(attached: AttachedSource, nowMs: number): number | undefined {
    const { state } = this.#parts.pressure();
    const { source, rank } = attached;
    if (source.kind === 'bulk') return state !== 'NORMAL' || this.#parts.isDraining() ? NEVER : undefined;
    if (state !== 'EMERGENCY' || rank === CRITICAL) return undefined;
    if (rank > HIGH) {
      this.#parts.sources.skip(attached, attached.frames);
      return NEVER;
    }
    const wait = attached.snapshotMs + this.#parts.options().snapshotMs - nowMs;
    return wait > 0 ? wait : undefined;
  }

  /** About how long its next message will be; bytes. */
  estimate({ source, frames, bytes }: AttachedSource, maxBytes: number): number {
    return source.kind === 'bulk' ? maxBytes : Math.min(maxBytes, Math.ceil(bytes / Math.max(1, frames)));
  }

  /** The next message; undefined when there is none after all. */
  take(attached: AttachedSource, maxBytes: number, nowMs: number): { data: Encoded; rows: number } | undefined {
    const { source } = attached;
    if (source.kind === 'bulk') {
      const data = source.take(maxBytes);
      return data === undefined ? undefined : { data, rows: 0 };
    }
    return this.#takeFrame(attached, source, maxBytes, nowMs);
  }

  #takeFrame(
    attached: AttachedSource,
    source: StreamSource,
    maxBytes: number,
    nowMs: number,
  ): { data: Encoded; rows: number } | undefined {
    const { ledgers, book, sources } = this.#parts;
    const thinning = this.#thinningOf(attached);
    const before = attached.frames;
    const frame = source.take(maxBytes, thinning);
    if (!frame) {
      sources.refresh(attached);
      return undefined;
    }
    if (thinning.kind === 'snapshot') attached.snapshotMs = nowMs;
    ledgers.fly(source.key, frame.rows);
    sources.refresh(attached);
    const loss = thinning.kind === 'snapshot' ? 'conflated' : 'decimated';
    book.lose(source.key, attached.rank, loss, frame.thinnedRows, Math.max(0, before - attached.frames - 1));
    return frame;
  }

  #thinningOf({ rank }: AttachedSource): Thinning {
    const { state, share } = this.#parts.pressure();
    if (state === 'NORMAL' || rank === CRITICAL) return WHOLE;
    if (rank === HIGH) return state === 'EMERGENCY' ? { kind: 'snapshot' } : WHOLE;
    const left = 1 - (rank === NORMAL ? normalShare(share) : share);
    return { kind: 'decimate', factor: Math.min(MOST_FACTOR, Math.max(LEAST_FACTOR, 1 / left)) };
  }
}
