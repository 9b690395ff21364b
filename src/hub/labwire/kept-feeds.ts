import type { FeedHold } from '../bench/feed-table.ts';
import type { FeedListener, FeedNumbering, StreamFeed } from '../bench/stream-feed.ts';

/**
 * The feeds of the streams of a client that is away, by key: their rows go on. A feed that ends meanwhile is let go: nothing comes into it any more, and the
 * instrument that comes again has another one. Where its numbering ended is remembered, so that what the client lacks of it can be named.
 */
export class KeptFeeds implements Disposable {
  readonly #holds = new Map<string, FeedHold>();
  readonly #ended = new Map<string, readonly FeedNumbering[]>();

  /** Feeds that are held. */
  get size(): number {
    return this.#holds.size;
  }

  /** Keeps the feed `hold` gives, until it ends. Throws what `hold` throws. */
  keep(key: string, hold: (listener: FeedListener) => FeedHold): StreamFeed {
    const held = hold({ rows() {}, reset() {}, ended: () => this.#drop(key, held) });
    this.#holds.get(key)?.[Symbol.dispose]();
    this.#holds.set(key, held);
    return held.feed;
  }

  get(key: string): StreamFeed | undefined {
    return this.#holds.get(key)?.feed;
  }

  /** A feed the client was in has ended. */
  ended(key: string, feed: StreamFeed): void {
    this.#ended.set(key, feed.numberings);
  }

  /** Whether a feed of that key ended. */
  hasEnded(key: string): boolean {
    return this.#ended.has(key);
  }

  /** Number after the last row of a numbering that goes on no more; undefined: of the one that runs, or nothing is known of it. */
  endOf(key: string, epoch: number): number | undefined {
    const feed = this.get(key);
    if (feed?.info.epoch === epoch) return undefined;
    const known = [...(this.#ended.get(key) ?? []), ...(feed?.numberings ?? [])];
    return known.find((numbering) => numbering.epoch === epoch)?.endRow;
  }

  /** What is not wanted any more is forgotten. */
  retain(wanted: ReadonlyMap<string, unknown>): void {
    for (const key of [...this.#ended.keys()]) if (!wanted.has(key)) this.#ended.delete(key);
  }

  /** Lets all feeds go; what is known of those that ended stays, in case the next connection breaks before it is told. */
  release(): void {
    for (const hold of this.#holds.values()) hold[Symbol.dispose]();
    this.#holds.clear();
  }

  [Symbol.dispose](): void {
    this.release();
    this.#ended.clear();
  }

  #drop(key: string, held: FeedHold): void {
    this.ended(key, held.feed);
    held[Symbol.dispose]();
    if (this.#holds.get(key) === held) this.#holds.delete(key);
  }
}
