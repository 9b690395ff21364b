import type { Batch } from '../../core/batch.ts';
import { channelId, type StreamInfo } from '../../core/stream-info.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';
import { SegmentHistory } from './segment-history.ts';
import { KEPT_KINDS, StreamHistory } from './stream-history.ts';

export interface HistoryLimits {
  /** Bytes of raw rows and pyramids of all streams together. Segments have an eighth of it on top. */
  sizeBytes: number;
  /** Newest segments kept of a stream. */
  segments: number;
  /** Closed streams remembered. */
  closedStreams: number;
}

export const HISTORY_LIMITS: HistoryLimits = { sizeBytes: 256 * 1024 * 1024, segments: 8, closedStreams: 200 };

/** Shares of the memory for raw rows and the levels of the pyramid, so that coarse levels reach back further. */
const SHARES = [0.6, 0.16, 0.1, 0.06, 0.03, 0.02, 0.01, 0.01, 0.01];

/** Some channels of one stream: indices into its columns, in the order asked. */
export interface ChannelsOf<S> {
  stream: S;
  channels: number[];
}

/**
 * The live window beyond the screen: what came from all sources, in bounded memory. Raw rows go first, then pyramid levels from fine to
 * coarse; of a kind that is over its share, the stream that holds most of it lets its oldest page go, so a slow meter keeps its
 * hours beside a fast digitizer. Who asks for more than is kept gets coarser columns and is told so.
 */
export class History implements SampleSink {
  limits: HistoryLimits;
  /** Counts up whenever streams come or go: watches look their channels up again. */
  revision = 0;
  /** Batches of streams nobody opened. */
  stray = 0;
  readonly #streams = new Map<number, StreamHistory>();
  readonly #segments = new Map<number, SegmentHistory>();

  constructor(limits: Partial<HistoryLimits> = {}) {
    this.limits = { ...HISTORY_LIMITS, ...limits };
  }

  /** Another budget, from the next batch on. */
  setSizeBytes(sizeBytes: number): void {
    this.limits = { ...this.limits, sizeBytes };
  }

  streamOpened(info: StreamInfo): void {
    this.revision++;
    if (info.kind === 'segment') {
      const limits = { segments: this.limits.segments, sizeBytes: Math.floor(this.limits.sizeBytes / 8) };
      this.#segments.set(info.id, new SegmentHistory(info, limits));
    } else this.#streams.set(info.id, new StreamHistory(info));
  }

  batch(batch: Batch): void {
    const stream = this.#streams.get(batch.stream);
    if (stream) {
      stream.append(batch);
      this.#letGo();
      return;
    }
    const segments = this.#segments.get(batch.stream);
    if (segments) segments.append(batch);
    else this.stray++;
  }

  gap(gap: StreamGap): void {
    this.#streams.get(gap.stream)?.addGap(gap);
  }

  /** The stream stays readable until its memory is needed. */
  streamClosed(id: number): void {
    const stream = this.#streams.get(id) ?? this.#segments.get(id);
    if (!stream) return;
    stream.isClosed = true;
    this.revision++;
    const closed = [...this.#streams.values(), ...this.#segments.values()].filter((item) => item.isClosed);
    for (const old of closed.slice(0, Math.max(0, closed.length - this.limits.closedStreams))) this.#drop(old.info.id);
  }

  /** Forgets all streams, open ones too: a replay begins anew from another place. */
  clear(): void {
    this.#streams.clear();
    this.#segments.clear();
    this.revision++;
  }

  /** Bytes in use. */
  get sizeBytes(): number {
    let sum = 0;
    for (const stream of this.#streams.values()) sum += stream.sizeBytes;
    for (const stream of this.#segments.values()) sum += stream.sizeBytes;
    return sum;
  }

  /** Batches that did not fit their stream, over all streams. */
  get refused(): number {
    let sum = 0;
    for (const stream of this.#streams.values()) sum += stream.refused;
    return sum;
  }

  stream(id: number): StreamHistory | undefined {
    return this.#streams.get(id);
  }

  segmentStream(id: number): SegmentHistory | undefined {
    return this.#segments.get(id);
  }

  /** Regular and timed streams, open or remembered, that hold any of the channels (`instrument/channel`), oldest first. */
  streamsOf(channels: readonly string[]): ChannelsOf<StreamHistory>[] {
    return pick(this.#streams.values(), channels);
  }

  segmentStreamsOf(channels: readonly string[]): ChannelsOf<SegmentHistory>[] {
    return pick(this.#segments.values(), channels);
  }

  #drop(id: number): void {
    this.#streams.delete(id);
    this.#segments.delete(id);
    this.revision++;
  }

  #letGo(): void {
    let total = 0;
    for (const stream of this.#streams.values()) total += stream.sizeBytes;
    while (total > this.limits.sizeBytes) {
      const freed = this.#letGoOne();
      if (freed === 0) return;
      total -= freed;
    }
  }

  /** Frees a page of the kind furthest over its share, in the stream that holds most of it; then a whole closed stream; 0 if nothing is left to free. */
  #letGoOne(): number {
    const kinds = SHARES.map((share, kind) => {
      let sum = 0;
      for (const stream of this.#streams.values()) sum += stream.sizeOf(kind);
      return { kind, use: sum / share };
    });
    kinds.sort((one, other) => other.use - one.use);
    for (const { kind } of kinds) {
      if (kind >= KEPT_KINDS) continue;
      const holders = [...this.#streams.values()].sort((one, other) => other.sizeOf(kind) - one.sizeOf(kind));
      for (const stream of holders) {
        const freed = stream.letGo(kind);
        if (freed > 0) return freed;
      }
    }
    for (const stream of this.#streams.values()) {
      if (!stream.isClosed) continue;
      this.#drop(stream.info.id);
      return stream.sizeBytes;
    }
    return 0;
  }
}

function pick<S extends { info: StreamInfo }>(streams: Iterable<S>, channels: readonly string[]): ChannelsOf<S>[] {
  const found: ChannelsOf<S>[] = [];
  for (const stream of streams) {
    const ids = stream.info.columns.map((column) => channelId(stream.info.instrument, column.channel));
    const indices = channels.map((channel) => ids.indexOf(channel)).filter((index) => index >= 0);
    if (indices.length > 0) found.push({ stream, channels: [...new Set(indices)] });
  }
  return found;
}
