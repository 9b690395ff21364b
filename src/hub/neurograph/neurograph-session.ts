import type { HubChannel } from '../access/role.ts';
import type { ChannelDesk, ChannelEvent, ChannelListener } from '../channels/channel-desk.ts';

/** Events kept for a client that is away; the oldest go first. */
const MAX_HELD = 1000;

/**
 * What outlives the socket of a client: its subscriptions, and the events of the time it was away. The original restores the subscriptions and loses
 * the events.
 */
export class NeurographSession implements ChannelListener, Disposable {
  readonly channels = new Set<HubChannel>();
  readonly #ear: Disposable;
  #sink: ((event: ChannelEvent) => void) | undefined;
  #held: ChannelEvent[] = [];
  /** Events that found no room while the client was away. */
  overflowed = 0;

  constructor(desk: ChannelDesk) {
    this.#ear = desk.listen(this);
  }

  take(event: ChannelEvent): void {
    if (this.#sink) {
      this.#sink(event);
      return;
    }
    this.#held.push(event);
    if (this.#held.length <= MAX_HELD) return;
    this.#held.shift();
    this.overflowed++;
  }

  /** A socket is there: what was held goes to it first. */
  connect(sink: (event: ChannelEvent) => void): void {
    const held = this.#held;
    this.#held = [];
    for (const event of held) sink(event);
    this.#sink = sink;
  }

  disconnect(): void {
    this.#sink = undefined;
  }

  get held(): number {
    return this.#held.length;
  }

  [Symbol.dispose](): void {
    this.#ear[Symbol.dispose]();
    this.#held = [];
  }
}
