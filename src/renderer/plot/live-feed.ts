import type { WatchMode } from '../../contract/calls.ts';
import type { Client } from '../../contract/client.ts';
import { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { framesOf } from '../sample-frames.ts';
import type { ChangeLog } from './change-log.ts';
import type { ColumnCover } from './column-mix.ts';
import { ColumnSet } from './column-set.ts';
import type { TraceColumns } from './trace-columns.ts';

/** What is watched: all channels of the plots shown, one window and width for all. */
export interface LiveWish {
  channels: readonly string[];
  windowS: number;
  /** Columns wanted over the window. */
  width: number;
}

export interface LiveFeedOptions {
  /** 'live' or a replay. Default 'live'. */
  origin?: string | undefined;
  /** Streams known besides those the watch names: opened since. */
  findStream: (stream: number) => StreamInfo | undefined;
  /** Samples are in the columns. `newestS`: newest time of them, s since the origin; `arrivedNs`: when the engine got them. */
  onSamples: (newestS: number, arrivedNs: bigint) => void;
  /** The engine refused; told once per reason, undefined when it goes again. */
  onFault: (error: LabError | undefined) => void;
  /** Changes within this time become one call; ms. */
  debounceMs?: number | undefined;
}

/** Columns kept beyond the window, so that a short look back needs no question. */
const KEEP_WINDOWS = 1.5;
const RETRY_MS = 1000;

/**
 * The columns watch of a set of plots. No React, no JSON and no object per sample lies on the way of a frame: blocks are copied into
 * typed arrays, then acknowledged (by sample-frames.ts).
 *
 *     idle ──wish──▶ opening ──answer──▶ watching ──wish, debounced──▶ watch.set ──▶ watching
 *       ▲                │ refused: again after 1 s                        │ no channels
 *       └── no client ◀──┴──────────── link closed ◀───────────────────────┘ watch.close
 *
 * The columns outlive a link: the next watch names the last rows, and the engine fills in what is missing.
 */
export class LiveFeed implements ColumnCover, Disposable {
  readonly #options: LiveFeedOptions;
  readonly #set: ColumnSet;
  #client: Client | undefined;
  #wish: LiveWish = { channels: [], windowS: 60, width: 1200 };
  #sent: LiveWish | undefined;
  /** What the columns kept were asked with: rows go on only under the same wish. */
  #filled: LiveWish | undefined;
  #watch: number | undefined;
  #stopFrames: (() => void) | undefined;
  #streams = new Map<number, StreamInfo>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busy = false;
  #newestS = Number.NEGATIVE_INFINITY;

  constructor(originNs: bigint, mostColumns: number, options: LiveFeedOptions) {
    this.#options = options;
    this.#set = new ColumnSet(originNs, mostColumns, (id) => this.#streams.get(id) ?? options.findStream(id));
  }

  /** What has come, for who paints it. */
  get changes(): ChangeLog {
    return this.#set.changes;
  }

  get fromS(): number {
    return this.#newestS - (this.#sent?.windowS ?? 0) * 1.02;
  }

  /** It speaks for everything up to now and later. */
  get toS(): number {
    return this.#sent ? Number.POSITIVE_INFINITY : this.#newestS;
  }

  get fineS(): number {
    const { windowS, width } = this.#sent ?? this.#wish;
    return windowS / width;
  }

  /** First time kept of anything; NaN while empty. s. */
  get oldestS(): number {
    return this.#set.extent.fromS;
  }

  pieces(channel: string, fromS: number, toS: number): TraceColumns[] {
    return this.#set.pieces(channel, fromS, toS);
  }

  gapsOf(channel: string) {
    return this.#set.gapsOf(channel);
  }

  /** Another link, or none for now. */
  setClient(client: Client | undefined): void {
    if (client === this.#client) return;
    this.#close();
    this.#client = client;
    this.#sent = undefined;
    this.#schedule(0);
  }

  /** What to watch from now on; the engine is told after a short wait for more changes. */
  setWish(wish: LiveWish): void {
    if (sameWish(wish, this.#wish) && this.#sent) return;
    this.#wish = wish;
    this.#schedule(this.#options.debounceMs ?? 80);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#close();
    this.#client = undefined;
    this.#set.clear();
  }

  /** The engine need not send any more; on a link that has ended nobody hears it. */
  #close(): void {
    this.#stopFrames?.();
    this.#stopFrames = undefined;
    if (this.#watch !== undefined) this.#client?.call('watch.close', { watch: this.#watch }).catch(() => {});
    this.#watch = undefined;
  }

  #schedule(ms: number): void {
    if (this.#timer !== undefined && ms > 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#apply();
    }, ms);
  }

  async #apply(): Promise<void> {
    const client = this.#client;
    const wish = this.#wish;
    if (!client || this.#busy || (this.#sent && sameWish(wish, this.#sent))) return;
    this.#busy = true;
    try {
      await this.#tell(client, wish);
      this.#options.onFault(undefined);
    } catch (thrown) {
      const error = LabError.from(thrown);
      // A channel that is gone, or an engine that is busy: the bench will change or another try will do.
      if (error.code !== 'link.closed' && error.code !== 'call.cancelled') {
        this.#options.onFault(error);
        this.#schedule(RETRY_MS);
      }
    } finally {
      this.#busy = false;
    }
    if (this.#client !== client || !sameWish(this.#wish, wish)) this.#schedule(0);
  }

  async #tell(client: Client, wish: LiveWish): Promise<void> {
    const mode: WatchMode = { kind: 'columns', windowS: wish.windowS, width: wish.width };
    const channels = [...wish.channels];
    if (channels.length === 0) {
      if (this.#watch !== undefined) await client.call('watch.close', { watch: this.#watch });
      this.#stopFrames?.();
      this.#watch = undefined;
      this.#sent = wish;
      return;
    }
    if (this.#watch !== undefined) {
      const { streams } = await client.call('watch.set', { watch: this.#watch, channels, mode });
      this.#know(streams);
      this.#sent = wish;
      this.#filled = wish;
      return;
    }
    const after = this.#filled && sameWish(this.#filled, wish) ? this.#set.lastRows() : [];
    const { watch, streams } = await client.call('stream.watch', {
      origin: this.#options.origin ?? 'live',
      channels,
      mode,
      after,
    });
    if (client !== this.#client) return;
    this.#know(streams);
    this.#set.renumber(streams);
    this.#watch = watch;
    this.#sent = wish;
    this.#filled = wish;
    this.#stopFrames = framesOf(client).onWatch(watch, (block, arrivedNs) => {
      const newestS = this.#set.take(block);
      if (newestS === undefined) return;
      this.#newestS = Math.max(this.#newestS, newestS);
      this.#options.onSamples(newestS, arrivedNs);
    });
  }

  /** Lets columns go that have left the window; called now and then by the owner. */
  tidy(): void {
    const windowS = Math.max(this.#wish.windowS, this.#sent?.windowS ?? 0);
    this.#set.letGoBefore(this.#newestS - windowS * KEEP_WINDOWS);
  }

  #know(streams: readonly StreamInfo[]): void {
    for (const stream of streams) this.#streams.set(stream.id, stream);
  }
}

function sameWish(a: LiveWish, b: LiveWish): boolean {
  return (
    a.windowS === b.windowS &&
    a.width === b.width &&
    a.channels.length === b.channels.length &&
    a.channels.every((channel, index) => channel === b.channels[index])
  );
}
