import type { Clock } from '../../core/clock.ts';
import type { Priority } from '../../protocol/lab/priority.ts';
import type { HubChannel } from '../access/role.ts';
import type { DeliveryClass } from '../delivery/outbound-message.ts';
import { isoOf, microsOf } from '../server-time.ts';

/** One event of a channel. Events of a channel are numbered; (ep, seq) and `id` name one for ever. */
export interface ChannelEvent {
  channel: string;
  id: string;
  priority: Priority;
  /** `event`: acknowledged, and kept for who is away; `latest`: only the newest is worth anything. */
  delivery: DeliveryClass;
  /** As labwire.1 tells it; the other dialects take from it what they tell. */
  body: { type: string } & Record<string, unknown>;
}

/** Who hears events: a session of a client, connected or away. */
export interface ChannelListener {
  readonly channels: ReadonlySet<string>;
  /** Must not throw. */
  take(event: ChannelEvent): void;
}

/** How urgent each channel is, and whether its events must arrive. */
const RULES: Readonly<Record<HubChannel, { priority: Priority; delivery: DeliveryClass }>> = {
  alarms: { priority: 'CRITICAL', delivery: 'event' },
  status: { priority: 'HIGH', delivery: 'event' },
  control: { priority: 'HIGH', delivery: 'event' },
  actions: { priority: 'HIGH', delivery: 'event' },
  signals: { priority: 'NORMAL', delivery: 'event' },
  acquisition: { priority: 'NORMAL', delivery: 'event' },
  recordings: { priority: 'NORMAL', delivery: 'event' },
  connections: { priority: 'LOW', delivery: 'event' },
  logs: { priority: 'LOW', delivery: 'event' },
  metrics: { priority: 'LOW', delivery: 'latest' },
  readings: { priority: 'NORMAL', delivery: 'latest' },
};

/** The channels of the hub: numbers events and hands each to everybody who listens to its channel. */
export class ChannelDesk {
  readonly #clock: Clock;
  /** Of this run of the hub: µs since 1970 of its begin. */
  readonly #ep: number;
  readonly #listeners = new Set<ChannelListener>();
  readonly #numbers = new Map<string, number>();
  /** What still holds, by its key: said to who begins to listen. */
  readonly #standing = new Map<string, ChannelEvent>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#ep = microsOf(clock.nowNs());
  }

  listen(listener: ChannelListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** How many listen to a channel. */
  count(channel: string): number {
    let count = 0;
    for (const { channels } of this.#listeners) if (channels.has(channel)) count++;
    return count;
  }

  get subscriptions(): number {
    let count = 0;
    for (const { channels } of this.#listeners) count += channels.size;
    return count;
  }

  /**
   * Tells an event; gives how many heard it. `standing`: it holds until another of that key; who begins to listen later is told, too. `over`: the last of its
   * key, nothing holds any more.
   */
  publish(
    channel: HubChannel,
    eventType: string,
    data: unknown,
    options: { standing?: string; over?: string } = {},
  ): number {
    const seq = (this.#numbers.get(channel) ?? 0) + 1;
    this.#numbers.set(channel, seq);
    const nowNs = this.#clock.nowNs();
    const id = `${this.#ep.toString(36)}-${channel}-${seq}`;
    const rule = RULES[channel];
    const event: ChannelEvent = {
      channel,
      id,
      ...rule,
      body: {
        type: 'event',
        channel,
        event_type: eventType,
        ...(rule.delivery === 'event' ? { id } : {}),
        ep: this.#ep,
        seq,
        t: microsOf(nowNs),
        timestamp: isoOf(nowNs),
        prio: rule.priority,
        data,
      },
    };
    if (options.standing !== undefined) this.#standing.set(options.standing, event);
    if (options.over !== undefined) this.#standing.delete(options.over);
    let heard = 0;
    for (const listener of [...this.#listeners]) {
      if (!listener.channels.has(channel)) continue;
      listener.take(event);
      heard++;
    }
    return heard;
  }

  /** What holds now, for who begins to listen to a channel. */
  standing(channel: string): ChannelEvent[] {
    return [...this.#standing.values()].filter((event) => event.channel === channel);
  }
}
