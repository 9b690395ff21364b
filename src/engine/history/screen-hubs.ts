import type { ScreenContext } from '../../contract/serve.ts';
import type { Clock } from '../../core/clock.ts';
import type { History } from './history.ts';
import { WatchHub, type WatchStats } from './watch-hub.ts';

/** The watches of every screen: one hub each, made when first needed and gone with its link. */
export class ScreenHubs {
  readonly #history: History;
  readonly #clock: Clock;
  readonly #hubs = new Map<number, WatchHub>();

  constructor(history: History, clock: Clock) {
    this.#history = history;
    this.#clock = clock;
  }

  of(screen: ScreenContext): WatchHub {
    const known = this.#hubs.get(screen.id);
    if (known) return known;
    const hub = new WatchHub({
      history: this.#history,
      clock: this.#clock,
      send: (frame) => screen.sendFrame(frame),
    });
    this.#hubs.set(screen.id, hub);
    screen.scope.defer(() => {
      this.#hubs.delete(screen.id);
      hub[Symbol.dispose]();
    });
    return hub;
  }

  /** Undefined for a screen that has watched nothing. */
  statsOf(screen: ScreenContext): WatchStats | undefined {
    return this.#hubs.get(screen.id)?.stats;
  }
}
