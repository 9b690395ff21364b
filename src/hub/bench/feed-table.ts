import type { BenchState } from '../../contract/bench-schema.ts';
import type { Client } from '../../contract/client.ts';
import { viewFrame } from '../../contract/frame-read.ts';
import { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { FEED_LIMITS, type FeedLimits, type FeedListener, StreamFeed } from './stream-feed.ts';

/** A client's hold on a feed: the engine is asked for its rows while anybody holds one. */
export interface FeedHold extends Disposable {
  readonly feed: StreamFeed;
  /** Rate wanted from now on; Hz. */
  setRate(rateHz: number): void;
}

interface Watched {
  feed: StreamFeed;
  /** Rate each holder wants; Hz. 0: as it comes. */
  wants: Set<{ rateHz: number }>;
  rateHz: number;
  channels: string;
  /** Number of the engine's watch; undefined while it is asked for. */
  watch: number | undefined;
  isClosed: boolean;
}

export interface FeedTableOptions {
  client: Client;
  state: () => BenchState;
  limits?: FeedLimits | undefined;
  onFault: (error: LabError) => void;
}

/** One raw watch per stream, however many clients read it; credit is given back as soon as the rows are in the feed. */
export class FeedTable implements Disposable {
  readonly #options: FeedTableOptions;
  readonly #byKey = new Map<string, Watched>();
  readonly #byWatch = new Map<number, Watched>();
  readonly #stopFrames: () => void;

  constructor(options: FeedTableOptions) {
    this.#options = options;
    this.#stopFrames = options.client.onFrame((frame) => this.#take(frame));
  }

  get size(): number {
    return this.#byKey.size;
  }

  /**
   * Holds the feed of a stream. An instrument that is polled is asked as often as the fastest holder wants (`rateHz`), not as often as all together.
   * Throws hub.no-stream.
   */
  hold(key: string, listener: FeedListener, rateHz = 0): FeedHold {
    const watched = this.#byKey.get(key) ?? this.#open(key, rateHz);
    const want = { rateHz };
    watched.wants.add(want);
    const ears = watched.feed.listen(listener);
    this.#settle(watched);
    let isHeld = true;
    return {
      feed: watched.feed,
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        ears[Symbol.dispose]();
        watched.wants.delete(want);
        if (watched.wants.size === 0) this.#close(watched);
        else this.#settle(watched);
      },
      setRate: (next) => {
        want.rateHz = next;
        this.#settle(watched);
      },
    };
  }

  /** After a change of the bench: channels that came or went, streams that ended. */
  follow(): void {
    const state = this.#options.state();
    for (const watched of [...this.#byKey.values()]) {
      const info = state.streams.find(({ key }) => key === watched.feed.key);
      const isThere = info !== undefined || state.channels.some(({ stream }) => stream === watched.feed.key);
      if (!isThere) {
        this.#close(watched);
        watched.feed.end('The instrument is not attached any more.');
        continue;
      }
      if (info && info.epoch !== watched.feed.info.epoch) watched.feed.reset(info as StreamInfo);
      this.#settle(watched);
    }
  }

  [Symbol.dispose](): void {
    this.#stopFrames();
    for (const watched of [...this.#byKey.values()]) this.#close(watched);
  }

  #open(key: string, rateHz: number): Watched {
    const state = this.#options.state();
    const info = state.streams.find((stream) => stream.key === key);
    const channels = channelsOf(state, key);
    if (!info || channels.length === 0)
      throw new LabError('hub.no-stream', `There is no stream ${key} now. Nothing is sent of it until it is there.`);
    const watched: Watched = {
      feed: new StreamFeed(info as StreamInfo, this.#options.limits ?? FEED_LIMITS),
      wants: new Set(),
      rateHz,
      channels: channels.join('\n'),
      watch: undefined,
      isClosed: false,
    };
    this.#byKey.set(key, watched);
    void this.#watch(watched, channels);
    return watched;
  }

  async #watch(watched: Watched, channels: string[]): Promise<void> {
    const { client, onFault } = this.#options;
    try {
      const mode = modeOf(watched.rateHz);
      const { watch } = await client.call('stream.watch', { channels, mode });
      if (watched.isClosed) {
        await client.call('watch.close', { watch });
        return;
      }
      watched.watch = watch;
      this.#byWatch.set(watch, watched);
      this.#settle(watched);
    } catch (thrown) {
      const error = LabError.from(thrown);
      this.#close(watched);
      watched.feed.end(error.message);
      if (error.code !== 'link.closed') onFault(error);
    }
  }

  /** Tells the engine what is wanted of the watch, where that has changed. */
  #settle(watched: Watched): void {
    if (watched.watch === undefined || watched.isClosed) return;
    const channels = channelsOf(this.#options.state(), watched.feed.key);
    const rateHz = Math.max(0, ...[...watched.wants].map((want) => want.rateHz));
    if (channels.length === 0 || (channels.join('\n') === watched.channels && rateHz === watched.rateHz)) return;
    const change = {
      watch: watched.watch,
      ...(channels.join('\n') === watched.channels ? {} : { channels }),
      ...(rateHz === watched.rateHz ? {} : { mode: modeOf(rateHz) }),
    };
    watched.channels = channels.join('\n');
    watched.rateHz = rateHz;
    this.#options.client
      .call('watch.set', change)
      .catch((thrown: unknown) => this.#options.onFault(LabError.from(thrown)));
  }

  #close(watched: Watched): void {
    if (watched.isClosed) return;
    watched.isClosed = true;
    this.#byKey.delete(watched.feed.key);
    if (watched.watch === undefined) return;
    this.#byWatch.delete(watched.watch);
    // A link that has gone took its watches with it.
    this.#options.client.call('watch.close', { watch: watched.watch }).catch(() => undefined);
  }

  #take(buffer: ArrayBuffer): void {
    const frame = viewFrame(buffer);
    const streams = this.#options.state().streams;
    for (const block of frame.blocks) {
      if (block.isReply) continue;
      const watched = this.#byWatch.get(block.id);
      if (!watched) continue;
      if (block.kind === 'gap') {
        const to = block.seq - 1;
        if (block.lost > 0) watched.feed.gap({ from: to - block.lost + 1, to, reason: block.reason });
      } else if (block.kind === 'skipped')
        watched.feed.gap({ from: block.from, to: block.to - 1, reason: 'the hub did not keep up' });
      else if (block.kind === 'raw') {
        const info = streams.find(({ id }) => id === block.stream);
        if (info) watched.feed.take(block, info as StreamInfo);
      }
    }
    if (frame.number > 0) this.#options.client.tell('watch.seen', { frame: frame.number });
  }
}

function modeOf(rateHz: number): { kind: 'raw'; rateHz?: number } {
  return rateHz > 0 ? { kind: 'raw', rateHz: Math.min(10_000, rateHz) } : { kind: 'raw' };
}

function channelsOf(state: BenchState, key: string): string[] {
  return state.channels
    .filter(({ stream }) => stream === key)
    .map(({ id }) => id)
    .slice(0, 500);
}
