import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { channelId } from '../../core/stream-info.ts';
import type { FeedHold } from '../bench/feed-table.ts';
import { rowTimeNs } from '../bench/feed-values.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import type { StreamFeed } from '../bench/stream-feed.ts';
import { Pace } from './pace.ts';
import { SampleRing } from './sample-ring.ts';

export interface AcquisitionConfig {
  equipment: string;
  name: string | null;
  description: string | null;
  mode: 'continuous' | 'single_shot';
  sampleRateHz: number;
  /** Ends after so many; undefined: it does not. */
  numSamples: number | undefined;
  durationS: number | undefined;
  /** The client's words, and the channel of ours each stands for. */
  channels: readonly { word: string; channel: string; stream: string }[];
  bufferSize: number;
}

export type AcquisitionState = 'idle' | 'acquiring' | 'paused' | 'stopped' | 'error';

/**
 * Samples of some channels of one equipment, kept in a ring of fixed size: rows as the instrument gives them, at most `sampleRateHz` of them. The first channel's
 * stream sets the pace; channels of other streams have their newest value of that moment.
 *
 *     idle ──start──▶ acquiring ⇄ paused
 *                        ├──stop, enough samples, time over──▶ stopped
 *                        └──the stream is gone──▶ error
 *
 * A stopped one may be started again: it begins anew.
 */
export class Acquisition implements Disposable {
  readonly id = randomUUID();
  readonly config: AcquisitionConfig;
  readonly createdNs: bigint;
  readonly ring: SampleRing;
  readonly #bench: HubBench;
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #newest = new Map<string, number>();
  #state: AcquisitionState = 'idle';
  #startedNs: bigint | undefined;
  #stoppedNs: bigint | undefined;
  #fault = '';
  #holds: FeedHold[] = [];
  #lastRow = -1;
  #lastEpoch = -1;

  constructor(bench: HubBench, clock: Clock, config: AcquisitionConfig) {
    this.#bench = bench;
    this.#clock = clock;
    this.config = config;
    this.createdNs = clock.nowNs();
    this.ring = new SampleRing(config.channels.length, config.bufferSize);
    this.#pace = new Pace(1000 / config.sampleRateHz);
  }

  get state(): AcquisitionState {
    return this.#state;
  }

  get startedNs(): bigint | undefined {
    return this.#startedNs;
  }

  get stoppedNs(): bigint | undefined {
    return this.#stoppedNs;
  }

  /** Why it ended by itself with `error`. */
  get fault(): string {
    return this.#fault;
  }

  /** Throws hub.conflict, hub.no-stream. */
  start(): void {
    if (this.#state === 'acquiring' || this.#state === 'paused') throw this.#conflict('start');
    this.ring.clear();
    this.#pace.change(1000 / this.config.sampleRateHz);
    this.#newest.clear();
    this.#startedNs = this.#clock.nowNs();
    this.#stoppedNs = undefined;
    this.#fault = '';
    this.#hold();
    this.#state = 'acquiring';
  }

  pause(): void {
    if (this.#state !== 'acquiring') throw this.#conflict('pause');
    this.#letGo();
    this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') throw this.#conflict('resume');
    this.#hold();
    this.#state = 'acquiring';
  }

  stop(): void {
    if (this.#state !== 'acquiring' && this.#state !== 'paused') throw this.#conflict('stop');
    this.#end('stopped');
  }

  [Symbol.dispose](): void {
    this.#letGo();
  }

  #conflict(action: string): LabError {
    return new LabError('hub.conflict', `Cannot ${action} the acquisition: it is ${this.#state}. Nothing was changed.`);
  }

  #hold(): void {
    const keys = [...new Set(this.config.channels.map(({ stream }) => stream))];
    const [master] = keys;
    try {
      for (const key of keys) {
        const listener = {
          rows: () => (key === master ? this.#rows(hold.feed) : this.#takeNewest(hold.feed)),
          reset: () => {},
          ended: (reason: string) => {
            this.#fault = reason;
            this.#end('error');
          },
        };
        const hold = this.#bench.hold(key, listener, this.config.sampleRateHz);
        this.#holds.push(hold);
        if (key !== master) this.#takeNewest(hold.feed);
        // What the feed has from before is not of this acquisition.
        else this.#begin(hold.feed);
      }
    } catch (thrown) {
      this.#letGo();
      throw thrown;
    }
  }

  #begin(feed: StreamFeed): void {
    this.#lastEpoch = feed.info.epoch;
    this.#lastRow = feed.endRow - 1;
  }

  #letGo(): void {
    for (const hold of this.#holds.splice(0)) hold[Symbol.dispose]();
  }

  #end(state: 'stopped' | 'error'): void {
    this.#letGo();
    this.#stoppedNs = this.#clock.nowNs();
    this.#state = state;
  }

  #takeNewest(feed: StreamFeed): void {
    const page = feed.ring.pages.at(-1);
    if (!page || page.rows === 0) return;
    for (const [index, { channel }] of feed.info.columns.entries())
      this.#newest.set(channelId(feed.info.instrument, channel), page.columns[index]?.[page.rows - 1] ?? Number.NaN);
  }

  #rows(feed: StreamFeed): void {
    if (feed.info.epoch !== this.#lastEpoch) {
      this.#lastEpoch = feed.info.epoch;
      this.#lastRow = -1;
    }
    const columns = this.config.channels.map(({ channel }) =>
      feed.info.columns.findIndex((column) => channelId(feed.info.instrument, column.channel) === channel),
    );
    const values = new Float64Array(columns.length);
    feed.ring.visit(this.#lastRow + 1, feed.endRow, (page, from, to) => {
      for (let row = from; row < to && this.#state === 'acquiring'; row++) {
        this.#lastRow = page.firstRow + row;
        const timeNs = rowTimeNs(page, row);
        if (!this.#pace.take(timeNs)) continue;
        columns.forEach((column, index) => {
          const own = column < 0 ? undefined : page.columns[column]?.[row];
          values[index] = own ?? this.#newest.get(this.config.channels[index]?.channel ?? '') ?? Number.NaN;
        });
        this.ring.push(timeNs, values);
        this.#endIfDone(timeNs);
      }
    });
  }

  #endIfDone(timeNs: bigint): void {
    const { numSamples, durationS } = this.config;
    const isFull = numSamples !== undefined && this.ring.total >= numSamples;
    const lastedS = Number(timeNs - (this.#startedNs ?? timeNs)) / 1e9;
    if (isFull || (durationS !== undefined && lastedS >= durationS)) this.#end('stopped');
  }
}
