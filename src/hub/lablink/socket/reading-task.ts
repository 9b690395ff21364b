import { LabError } from '../../../core/errors.ts';
import { Pace } from '../../acquisition/pace.ts';
import type { Equipment } from '../../bench/equipment.ts';
import type { FeedHold } from '../../bench/feed-table.ts';
import { newestTimeNs, takeNewest } from '../../bench/feed-values.ts';
import type { LatestValue } from '../../bench/latest-values.ts';
import type { StreamFeed } from '../../bench/stream-feed.ts';
import { measurementsOf, type Reading, readingOf, type Values } from '../reading.ts';
import type { StreamPlace, StreamSink, StreamTask } from './stream-task.ts';

export interface ReadingAsk {
  equipment: string;
  kind: 'readings' | 'measurements';
  channel: number;
  intervalMs: number;
}

/**
 * Readings of one equipment for one client: driven by the rows of the instrument, so nothing is read for a client alone and no reading is sent twice.
 *
 *     waiting (no stream now) ⇄ holding (rows come) ──equipment detached──▶ ended
 */
export class ReadingTask implements StreamTask {
  readonly #place: StreamPlace;
  readonly #ask: ReadingAsk;
  readonly #sink: StreamSink;
  readonly #pace: Pace;
  readonly #values = new Map<string, LatestValue>();
  readonly #stopChanges: Disposable;
  readonly #holds = new Map<string, FeedHold>();
  #isEnded = false;

  /** Throws hub.unsupported, call.invalid: the equipment has no such stream. */
  constructor(place: StreamPlace, ask: ReadingAsk, sink: StreamSink) {
    this.#place = place;
    this.#ask = ask;
    this.#sink = sink;
    this.#pace = new Pace(ask.intervalMs);
    read(place.bench.find(ask.equipment), ask, this.#values);
    this.#stopChanges = place.bench.onChange((now, before) => {
      if (now.streams !== before.streams || now.instruments !== before.instruments) this.#follow();
    });
    this.#follow();
  }

  pace(intervalMs: number): void {
    this.#ask.intervalMs = intervalMs;
    this.#pace.change(intervalMs);
    for (const hold of this.#holds.values()) hold.setRate(1000 / intervalMs);
  }

  [Symbol.dispose](): void {
    this.#isEnded = true;
    this.#stopChanges[Symbol.dispose]();
    for (const hold of this.#holds.values()) hold[Symbol.dispose]();
    this.#holds.clear();
  }

  /** Holds what there is to hold now. */
  #follow(): void {
    if (this.#isEnded) return;
    const equipment = this.#place.bench.equipment.find(({ id }) => id === this.#ask.equipment);
    if (!equipment) {
      this.#end('The equipment is not attached any more.');
      return;
    }
    const keys = equipment.streams.filter(({ info }) => info.kind !== 'segment').map(({ info }) => info.key);
    for (const [key, hold] of this.#holds) {
      if (keys.includes(key)) continue;
      this.#holds.delete(key);
      hold[Symbol.dispose]();
    }
    for (const key of keys) if (!this.#holds.has(key)) this.#hold(key);
  }

  #hold(key: string): void {
    try {
      const listener = {
        rows: () => this.#rows(hold.feed),
        reset: () => this.#pace.change(this.#ask.intervalMs),
        // It is held again when it is back; a detached equipment ends the task.
        ended: () => void this.#holds.delete(key),
      };
      const hold = this.#place.bench.hold(key, listener, 1000 / this.#ask.intervalMs);
      this.#holds.set(key, hold);
      // Not before the answer to the request.
      queueMicrotask(() => {
        if (!this.#isEnded && this.#holds.get(key) === hold) this.#rows(hold.feed);
      });
    } catch (thrown) {
      // Between two states: the next change tells.
      if (LabError.from(thrown).code !== 'hub.no-stream') throw thrown;
    }
  }

  #rows(feed: StreamFeed): void {
    takeNewest(feed, this.#values);
    const timeNs = newestTimeNs(feed);
    // The first stream sets the pace; values of the others go along.
    const [first] = this.#holds.keys();
    if (timeNs === undefined || feed.key !== first || !this.#pace.take(timeNs)) return;
    try {
      this.#sink.data(read(this.#place.bench.find(this.#ask.equipment), this.#ask, this.#values));
    } catch (thrown) {
      this.#sink.fault(thrown);
    }
  }

  #end(reason: string): void {
    this[Symbol.dispose]();
    this.#sink.ended(reason);
  }
}

function read(equipment: Equipment, { kind, channel }: ReadingAsk, values: Values): Reading {
  return kind === 'readings' ? readingOf(equipment, values, channel) : measurementsOf(equipment, values, channel);
}
