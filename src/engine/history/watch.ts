import type { SkippedFrameBlock } from '../../contract/frames.ts';
import type { Clock } from '../../core/clock.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { ColumnsPart } from './columns-part.ts';
import type { ChannelsOf, History } from './history.ts';
import { LatestPart } from './latest-part.ts';
import { RawPart } from './raw-part.ts';
import { SegmentPart } from './segment-part.ts';
import type { StreamHistory } from './stream-history.ts';
import type { FrameDraft, ScreenRow, WatchFill, WatchMode, WatchPart } from './watch-part.ts';

/** Forgotten streams whose skipped rows still have to be told. */
const FAREWELLS_LIMIT = 500;

/**
 * One watch of a screen: some channels in one mode, a cursor for each stream that carries any of them. Streams that open later are
 * picked up, since a watch is over channels, not streams; a closed stream is followed to its end.
 */
export class Watch {
  readonly id: number;
  /** Rows promised and not delivered: they had left the window or the history before the screen took them. */
  skippedRows = 0;
  #channels: readonly string[];
  #mode: WatchMode;
  readonly #history: History;
  readonly #clock: Clock;
  readonly #flushMs: number;
  #parts: WatchPart[] = [];
  #revision = -1;
  /** Part to begin with, so that a full frame does not always serve the same streams. */
  #turn = 0;
  #dueMs = 0;
  #isFirstLook = true;
  #farewells: SkippedFrameBlock[] = [];

  constructor(
    id: number,
    history: History,
    clock: Clock,
    flushMs: number,
    channels: readonly string[],
    mode: WatchMode,
    after: readonly ScreenRow[] = [],
  ) {
    this.id = id;
    this.#history = history;
    this.#clock = clock;
    this.#flushMs = flushMs;
    this.#channels = channels;
    this.#mode = mode;
    this.#look(after);
  }

  get kind(): WatchMode['kind'] {
    return this.#mode.kind;
  }

  /** Samples a raw watch has not sent yet; 0 for others, which pass over what they cannot take. */
  get backlog(): number {
    if (this.#mode.kind !== 'raw') return 0;
    return this.#parts.reduce((sum, { unsent, channels }) => {
      return unsent ? sum + (unsent.to - unsent.from) * channels.length : sum;
    }, 0);
  }

  get streams(): StreamInfo[] {
    this.#look([]);
    return this.#parts.flatMap((part) => {
      const stream = this.#history.stream(part.streamId) ?? this.#history.segmentStream(part.streamId);
      return stream ? [stream.info] : [];
    });
  }

  /** What will be sent first. */
  get fill(): WatchFill[] {
    return this.#parts.map((part) => part.fill);
  }

  /** Other channels or another mode: everything begins anew, each stream with a `restart`. */
  set(change: { channels?: readonly string[] | undefined; mode?: WatchMode | undefined }): void {
    this.#channels = change.channels ?? this.#channels;
    this.#mode = change.mode ?? this.#mode;
    this.#parts = [];
    this.#revision = -1;
    this.#isFirstLook = true;
    this.#dueMs = 0;
    this.#look([]);
  }

  collect(draft: FrameDraft): void {
    this.#look([]);
    while (this.#farewells[0] && draft.offer(this.#farewells[0])) this.#farewells.shift();
    if (this.#mode.kind === 'latest') {
      const nowMs = this.#clock.monotonicMs();
      if (nowMs < this.#dueMs) return;
      // Half a flush early is nearer than one flush late.
      this.#dueMs = nowMs + 1000 / this.#mode.rateHz - this.#flushMs / 2;
    }
    const count = this.#parts.length;
    for (let index = 0; index < count; index++) {
      const part = this.#parts[(this.#turn + index) % count];
      if (part) this.skippedRows += part.collect(draft);
    }
    if (count > 0 && draft.leftBytes <= 0) this.#turn = (this.#turn + 1) % count;
  }

  /** Brings the parts in line with the streams there are. */
  #look(after: readonly ScreenRow[]): void {
    if (this.#revision === this.#history.revision) return;
    this.#revision = this.#history.revision;
    const known = new Map(this.#parts.map((part) => [part.streamId, part]));
    const found =
      this.#mode.kind === 'segments'
        ? this.#history
            .segmentStreamsOf(this.#channels)
            .map(({ stream, channels }) => known.get(stream.info.id) ?? this.#segmentPart(stream, channels))
        : this.#history
            .streamsOf(this.#channels)
            .flatMap((item) => known.get(item.stream.info.id) ?? this.#partOf(item, after));
    const kept = new Set(found.map((part) => part.streamId));
    for (const part of this.#parts) if (!kept.has(part.streamId)) this.#leave(part);
    this.#parts = found;
    this.#isFirstLook = false;
  }

  /** The stream is forgotten: what it still owed the screen is declared. */
  #leave(part: WatchPart): void {
    const { unsent } = part;
    if (!unsent) return;
    this.skippedRows += unsent.to - unsent.from;
    this.#farewells.push({
      kind: 'skipped',
      id: this.id,
      isReply: false,
      stream: part.streamId,
      ...unsent,
      reason: 'history',
    });
    if (this.#farewells.length > FAREWELLS_LIMIT) this.#farewells.shift();
  }

  #segmentPart(stream: ConstructorParameters<typeof SegmentPart>[1], channels: number[]): WatchPart {
    const width = this.#mode.kind === 'segments' ? this.#mode.width : 1;
    return new SegmentPart(this.id, stream, channels, width);
  }

  #partOf({ stream, channels }: ChannelsOf<StreamHistory>, after: readonly ScreenRow[]): WatchPart | [] {
    const mode = this.#mode;
    const { key, epoch } = stream.info;
    const has = after.find((row) => row.key === key && row.epoch === epoch)?.row;
    switch (mode.kind) {
      case 'columns': {
        const window = {
          windowS: mode.windowS,
          width: mode.width,
          flushMs: this.#flushMs,
          nowNs: () => this.#clock.nowNs(),
          monotonicMs: () => this.#clock.monotonicMs(),
        };
        return new ColumnsPart(this.id, stream, channels, window, has);
      }
      case 'raw':
        // A stream that opened after the watch is sent from its first row on.
        return new RawPart(this.id, stream, channels, has ?? (this.#isFirstLook ? undefined : -1));
      case 'latest':
        return stream.isClosed ? [] : new LatestPart(this.id, stream, channels);
      case 'segments':
        return [];
    }
  }
}
