import type { Client } from '../../contract/client.ts';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { ChangeLog } from './change-log.ts';
import { type ColumnCover, mixColumns, rankCovers } from './column-mix.ts';
import { EventFeed } from './event-feed.ts';
import { type EventMark, gapReason } from './event-flags.ts';
import { HistoryFeed } from './history-feed.ts';
import { LiveFeed } from './live-feed.ts';
import { allSpan, LONGEST_S, type TimeLimits, type TimeRange, type TimeView } from './time-window.ts';
import type { TraceColumns, TraceSource } from './trace-columns.ts';

export interface BoardDataOptions {
  /** 'live', a recording, or a replay. */
  origin: string;
  /** Of a replay: the recording it plays, whose history says what lies before. */
  recording?: string | undefined;
  /** Of a replay: where this run of it begins; before that its recording speaks. s since the origin. */
  sinceS?: number | undefined;
  originNs: bigint;
  findStream: (stream: number) => StreamInfo | undefined;
  /** Newest time in the samples that came, s since the origin; arrival at the engine, ns since 1970. */
  onSamples: (newestS: number, arrivedNs: bigint) => void;
  onFault: (error: LabError | undefined) => void;
}

/** What a frame of the screen needs data for. */
export interface DataWish {
  view: TimeView;
  limits: TimeLimits;
  range: TimeRange;
  channels: readonly string[];
  /** Width of the widest plot; device pixels. */
  widthPx: number;
}

/** Columns of the live watch kept per stream. */
const LIVE_COLUMNS = 32_768;
/** Widths are asked in steps, so that dragging a splitter does not open a watch per pixel. */
const WIDTH_STEP = 128;
const WIDEST = 8192;
/** The newest samples may still be on their way into history. */
const HISTORY_LAG_S = 0.5;
/** The window asked for in `all` grows by this factor at a time. */
const ALL_STEP = 1.3;

/**
 * Where the traces of a board come from: the live watch, answers of history beside it, and events. It is told each frame what is in view and
 * asks the engine only for what it has not.
 */
export class BoardData implements Disposable {
  readonly #live: LiveFeed | undefined;
  readonly #sinceS: number | undefined;
  /** The live watch, where it may speak. */
  readonly #liveCover: ColumnCover | undefined;
  readonly #history: HistoryFeed;
  readonly #events: EventFeed;
  readonly #changes = new ChangeLog();
  readonly #sources = new Map<string, TraceSource>();
  #client: Client | undefined;
  #ranked: ColumnCover[] = [];
  readonly #isBench: boolean;
  #liveRevision = 0;
  #coverKey = '';

  constructor(options: BoardDataOptions) {
    const { origin, recording, sinceS, originNs, findStream, onSamples, onFault } = options;
    if (origin === 'live' || recording !== undefined) {
      this.#live = new LiveFeed(originNs, LIVE_COLUMNS, { origin, findStream, onSamples, onFault });
    }
    this.#sinceS = recording === undefined ? undefined : sinceS;
    this.#liveCover = this.#live && this.#sinceS !== undefined ? coverSince(this.#live, this.#sinceS) : this.#live;
    this.#history = new HistoryFeed({ origin: recording ?? origin, originNs, findStream, onAnswer: () => {}, onFault });
    this.#events = new EventFeed(originNs);
    // A replay has the events of its recording.
    this.#isBench = origin === 'live';
  }

  setClient(client: Client | undefined): void {
    this.#client = client;
    this.#live?.setClient(client);
    this.#history.setClient(client);
  }

  addEvents(events: readonly LabEvent[]): void {
    this.#events.add(events);
  }

  get marks(): readonly EventMark[] {
    return this.#events.marks;
  }

  get marksRevision(): number {
    return this.#events.revision;
  }

  /** First time the live watch holds; NaN while there is nothing. s. */
  get oldestS(): number {
    return this.#live?.oldestS ?? Number.NaN;
  }

  /** Tells the feeds what is in view; cheap while nothing is missing. Notes what has changed since the frame before. */
  want(wish: DataWish, nowMs: number): void {
    const { view, limits, range, channels, widthPx } = wish;
    if (widthPx < 16) return;
    const width = Math.min(WIDEST, Math.ceil(widthPx / WIDTH_STEP) * WIDTH_STEP);
    // Behind a fixed view the live window goes on; only its channels follow.
    this.#live?.setWish({ channels, windowS: windowOf(view, limits), width });
    const latestS = limits.live ? limits.toS - HISTORY_LAG_S : limits.toS;
    if (view.kind === 'fixed') this.#wantHistory(wish, range.fromS, latestS, width, nowMs);
    else if (this.#sinceS !== undefined) {
      this.#wantHistory(wish, Math.max(limits.fromS, range.fromS), this.#sinceS, width, nowMs);
    }
    if (this.#isBench) this.#events.want(this.#client, range);
    this.#rank(view, (range.toS - range.fromS) / widthPx);
    this.#noteChanges();
  }

  /** The trace of a channel through whatever covers the present view best. */
  source(channel: string): TraceSource {
    const known = this.#sources.get(channel);
    if (known) return known;
    const changes = this.#changes;
    const made: TraceSource = {
      get revision() {
        return changes.revision;
      },
      changedFromS: (revision) => changes.since(revision),
      pieces: (fromS, toS) => this.pieces(channel, fromS, toS),
    };
    this.#sources.set(channel, made);
    return made;
  }

  pieces(channel: string, fromS: number, toS: number): TraceColumns[] {
    return mixColumns(this.#ranked, channel, fromS, toS);
  }

  /** Why something is missing between two times on some of the channels. */
  gapReason(channels: readonly string[], fromS: number, toS: number): string | undefined {
    const known = channels.flatMap((channel) => [
      ...(this.#live?.gapsOf(channel) ?? []),
      ...this.#history.gapsOf(channel),
    ]);
    return gapReason(known, this.marks, fromS, toS);
  }

  /** Lets go what nobody will look at again; called now and then. */
  tidy(): void {
    this.#live?.tidy();
  }

  [Symbol.dispose](): void {
    this.#live?.[Symbol.dispose]();
    this.#history[Symbol.dispose]();
  }

  /** History between two times of the view. `width`: columns over the whole view. */
  #wantHistory(
    { channels, range, limits }: DataWish,
    fromS: number,
    latestS: number,
    width: number,
    nowMs: number,
  ): void {
    const wanted = { fromS, toS: Math.min(range.toS, latestS) };
    if (wanted.toS <= wanted.fromS) return;
    const part = (wanted.toS - wanted.fromS) / (range.toS - range.fromS);
    const known = { fromS: limits.fromS, toS: latestS };
    this.#history.want({ channels, range: wanted, width: Math.max(16, Math.ceil(width * part)), limits: known }, nowMs);
  }

  #rank(view: TimeView, secondsPerPx: number): void {
    const live = this.#liveCover;
    const ranked = rankCovers([...this.#history.covers, ...(live ? [live] : [])], secondsPerPx);
    this.#ranked = live && view.kind !== 'fixed' ? [live, ...ranked.filter((cover) => cover !== live)] : ranked;
  }

  #noteChanges(): void {
    // Another cover in front may change everything; else only what the live watch has got.
    const key = `${this.#history.revision} ${this.#ranked.map((cover) => cover.fineS).join()}`;
    const live = this.#live?.changes;
    if (key !== this.#coverKey) this.#changes.note(Number.NEGATIVE_INFINITY);
    else if (live && live.revision !== this.#liveRevision) this.#changes.note(live.since(this.#liveRevision));
    this.#coverKey = key;
    this.#liveRevision = live?.revision ?? 0;
  }
}

/** The live watch from a time on: what a replay gave in another run is not there, and its recording has it. */
function coverSince(live: LiveFeed, sinceS: number): ColumnCover {
  return {
    get fromS() {
      return Math.max(live.fromS, sinceS);
    },
    get toS() {
      return live.toS;
    },
    get fineS() {
      return live.fineS;
    },
    pieces: (channel, fromS, toS) => live.pieces(channel, fromS, toS),
  };
}

/** Window of the live watch; for everything it grows in steps, so that it is not asked anew each second. s. */
function windowOf(view: TimeView, limits: TimeLimits): number {
  const back = view.kind === 'live' ? view.spanS : view.kind === 'fixed' ? view.backS : 'all';
  if (back !== 'all') return back;
  const span = Math.max(10, allSpan(limits));
  return Math.min(LONGEST_S, ALL_STEP ** Math.ceil(Math.log(span * 1.05) / Math.log(ALL_STEP)));
}
