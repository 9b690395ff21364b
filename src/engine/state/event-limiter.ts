import type { Clock } from '../../core/clock.ts';
import type { EventDraft } from './event-log.ts';

/** Kinds of events counted at once; the one unused for longest is forgotten. */
const MAX_KEYS = 500;

interface Lane {
  saidMs: number;
  /** The newest of those held back, and how many there were before it. */
  held: { draft: EventDraft; skipped: number } | undefined;
  timer: Disposable | undefined;
}

/**
 * Lets an event through at most once an interval for each key. Of what comes in between the newest is told when the interval is over, with the number of
 * those before it: an instrument that trips in and out ten times a second neither floods the time axis nor leaves the last word unsaid.
 */
export class EventLimiter implements Disposable {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #tell: (draft: EventDraft) => void;
  readonly #lanes = new Map<string, Lane>();

  constructor(clock: Clock, tell: (draft: EventDraft) => void, intervalMs = 1000) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#tell = tell;
  }

  add(key: string, draft: EventDraft): void {
    const nowMs = this.#clock.monotonicMs();
    const lane = this.#lanes.get(key);
    if (lane && nowMs - lane.saidMs < this.#intervalMs) {
      // It happened now, whenever it is told.
      const dated = { atNs: this.#clock.nowNs(), ...draft };
      lane.held = { draft: dated, skipped: lane.held ? lane.held.skipped + 1 : 0 };
      lane.timer ??= this.#clock.after(lane.saidMs + this.#intervalMs - nowMs, () => this.#release(lane));
      return;
    }
    if (lane) lane.timer?.[Symbol.dispose]();
    this.#lanes.delete(key);
    this.#lanes.set(key, { saidMs: nowMs, held: undefined, timer: undefined });
    const [oldest] = this.#lanes.keys();
    if (this.#lanes.size > MAX_KEYS && oldest !== undefined) this.#forget(oldest);
    this.#tell(draft);
  }

  [Symbol.dispose](): void {
    for (const key of [...this.#lanes.keys()]) this.#forget(key);
  }

  #release(lane: Lane): void {
    const { held } = lane;
    lane.held = undefined;
    lane.timer = undefined;
    lane.saidMs = this.#clock.monotonicMs();
    if (!held) return;
    const { draft, skipped } = held;
    if (skipped === 0) this.#tell(draft);
    else {
      this.#tell({ ...draft, text: `${draft.text} (${skipped} more before)`, data: { ...draft.data, skipped } });
    }
  }

  #forget(key: string): void {
    this.#lanes.get(key)?.timer?.[Symbol.dispose]();
    this.#lanes.delete(key);
  }
}
