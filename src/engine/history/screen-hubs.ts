import type { ScreenContext } from '../../contract/serve.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { History } from './history.ts';
import { WatchHub, type WatchNumbers, type WatchStats } from './watch-hub.ts';

/** What can be watched: the history of live streams or of a replay, and the clock its samples go by. */
export interface WatchOrigin {
  history: History;
  /** `nowNs` is the time of the samples, the rest is real time. */
  clock: Clock;
}

/** Name of the origin that is always there. */
export const LIVE = 'live';

interface ScreenWatches {
  numbers: WatchNumbers;
  hubs: Map<string, WatchHub>;
}

/**
 * The watches of every screen: one hub for each origin it watches, made when first needed and gone with its link or its origin.
 * Watches and frames are numbered per screen over all its hubs: a number says which hub it belongs to.
 */
export class ScreenHubs {
  readonly #origins = new Map<string, WatchOrigin>();
  readonly #screens = new Map<number, ScreenWatches>();

  constructor(history: History, clock: Clock) {
    this.#origins.set(LIVE, { history, clock });
  }

  /** Another origin; disposing takes it and the watches of it away. */
  open(name: string, origin: WatchOrigin): Disposable {
    this.#origins.set(name, origin);
    return {
      [Symbol.dispose]: () => {
        this.#origins.delete(name);
        for (const { hubs } of this.#screens.values()) {
          hubs.get(name)?.[Symbol.dispose]();
          hubs.delete(name);
        }
      },
    };
  }

  has(origin: string): boolean {
    return this.#origins.has(origin);
  }

  /** Samples the raw watches of the screen that is furthest behind have not sent yet. */
  backlog(origin: string): number {
    let most = 0;
    for (const { hubs } of this.#screens.values()) most = Math.max(most, hubs.get(origin)?.backlog ?? 0);
    return most;
  }

  /** Throws replay.unknown for an origin that is not there. */
  of(screen: ScreenContext, origin: string = LIVE): WatchHub {
    const source = this.#origins.get(origin);
    if (!source) {
      throw new LabError(
        'replay.unknown',
        `There is no replay ${origin.slice(0, 100)}: it was closed, or never opened. Open the recording again; nothing was changed.`,
        { replay: origin.slice(0, 100) },
      );
    }
    const { numbers, hubs } = this.#watchesOf(screen);
    let hub = hubs.get(origin);
    if (!hub) {
      hub = new WatchHub({ ...source, numbers, send: (frame) => screen.sendFrame(frame) });
      hubs.set(origin, hub);
    }
    return hub;
  }

  /** The hub of a watch; of one that is not there the live hub, which says so. */
  holding(screen: ScreenContext, watch: number): WatchHub {
    for (const hub of this.#screens.get(screen.id)?.hubs.values() ?? []) if (hub.has(watch)) return hub;
    return this.of(screen);
  }

  /** Frames up to this number are in the screen's ring, whatever hub they came from. Throws call.invalid for a frame never sent. */
  seen(screen: ScreenContext, frame: number): void {
    this.of(screen).seen(frame);
    for (const hub of this.#screens.get(screen.id)?.hubs.values() ?? []) hub.seen(frame);
  }

  /** Of live streams: what a screen misses of a replay it can play again. Undefined for a screen that has watched nothing. */
  statsOf(screen: ScreenContext): WatchStats | undefined {
    return this.#screens.get(screen.id)?.hubs.get(LIVE)?.stats;
  }

  #watchesOf(screen: ScreenContext): ScreenWatches {
    const known = this.#screens.get(screen.id);
    if (known) return known;
    const made: ScreenWatches = { numbers: { nextWatch: 1, nextFrame: 1 }, hubs: new Map() };
    this.#screens.set(screen.id, made);
    screen.scope.defer(() => {
      this.#screens.delete(screen.id);
      for (const hub of made.hubs.values()) hub[Symbol.dispose]();
    });
    return made;
  }
}
