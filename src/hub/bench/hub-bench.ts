import type { BenchState } from '../../contract/bench-schema.ts';
import { syncBench } from '../../contract/bench-sync.ts';
import type { Client } from '../../contract/client.ts';
import type { EventData } from '../../contract/events.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { type Equipment, equipmentOf } from './equipment.ts';
import { type FeedHold, FeedTable } from './feed-table.ts';
import { LatestValues } from './latest-values.ts';
import type { FeedLimits, FeedListener } from './stream-feed.ts';

export interface HubBenchOptions {
  client: Client;
  clock: Clock;
  limits?: FeedLimits | undefined;
  /** Something that should not be: said in the log. */
  onFault: (error: LabError) => void;
}

type LabEventMessage = EventData<'event.happened'>['event'];

/**
 * The engine's bench as the hub sees it, like every screen: a copy of its state kept true by its events, and one reading of each stream that
 * somebody wants. Disposing closes the watches, not the client.
 */
export class HubBench implements Disposable {
  readonly client: Client;
  readonly feeds: FeedTable;
  /** For requests that ask once. */
  readonly latest: LatestValues;
  readonly #listeners = new Set<(now: BenchState, before: BenchState) => void>();
  #state: BenchState;
  #equipment: Equipment[] | undefined;
  #stop = (): void => {};

  private constructor(state: BenchState, options: HubBenchOptions) {
    this.#state = state;
    this.client = options.client;
    this.feeds = new FeedTable({ ...options, state: () => this.#state });
    this.latest = new LatestValues({ ...options, state: () => this.#state });
  }

  /** Reads the bench, then follows it. The client has said hello. Throws link.closed. */
  static open(options: HubBenchOptions): Promise<HubBench> {
    return new Promise((resolve, reject) => {
      let bench: HubBench | undefined;
      const stop = syncBench(
        options.client,
        (state) => {
          if (bench) {
            bench.#change(state);
            return;
          }
          bench = new HubBench(state, options);
          bench.#stop = () => stop();
          resolve(bench);
        },
        (error) => {
          if (bench) options.onFault(error);
          else reject(error);
        },
      );
    });
  }

  get state(): BenchState {
    return this.#state;
  }

  get equipment(): readonly Equipment[] {
    this.#equipment ??= equipmentOf(this.#state);
    return this.#equipment;
  }

  /** Throws hub.no-equipment. */
  find(id: string): Equipment {
    const found = this.equipment.find((one) => one.id === id);
    if (found) return found;
    throw new LabError(
      'hub.no-equipment',
      `There is no equipment ${id.slice(0, 100)} on this bench. Nothing was done.`,
    );
  }

  /** Rows of a stream from now on (and what the feed still has), at the rate the fastest holder wants. Throws hub.no-stream. */
  hold(key: string, listener: FeedListener, rateHz?: number): FeedHold {
    return this.feeds.hold(key, listener, rateHz);
  }

  /** Told after each change of the state. */
  onChange(listener: (now: BenchState, before: BenchState) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** What happened on the bench: alarms, setpoints, gaps, notes. */
  onEvent(listener: (event: LabEventMessage) => void): Disposable {
    const stop = this.client.on('event.happened', ({ event }) => listener(event));
    return { [Symbol.dispose]: stop };
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.feeds[Symbol.dispose]();
    this.latest[Symbol.dispose]();
    this.#listeners.clear();
  }

  #change(state: BenchState): void {
    const before = this.#state;
    this.#state = state;
    if (
      state.instruments !== before.instruments ||
      state.channels !== before.channels ||
      state.streams !== before.streams
    ) {
      this.#equipment = undefined;
      this.feeds.follow();
    }
    // Over which hubs an instrument came, stands with its server.
    if (state.servers !== before.servers) this.#equipment = undefined;
    for (const listener of [...this.#listeners]) listener(state, before);
  }
}
