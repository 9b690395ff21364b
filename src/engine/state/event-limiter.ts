import type { Clock } from '../../core/clock.ts';
import type { EventDraft } from './event-log.ts';

/** Kinds of events counted at once; the one unused for longest is forgotten. */
const MAX_KEYS = 500;

interface Count {
  saidMs: number;
  unsaid: number;
}

/**
 * Lets an event through at most once an interval for each key. What was held back is counted and told with the next one: an instrument that trips in and
 * out ten times a second neither floods the time axis nor is forgotten.
 */
export class EventLimiter {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #tell: (draft: EventDraft) => void;
  readonly #counts = new Map<string, Count>();

  constructor(clock: Clock, tell: (draft: EventDraft) => void, intervalMs = 1000) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#tell = tell;
  }

  add(key: string, draft: EventDraft): void {
    const nowMs = this.#clock.monotonicMs();
    const count = this.#counts.get(key);
    if (count && nowMs - count.saidMs < this.#intervalMs) {
      count.unsaid++;
      return;
    }
    this.#counts.delete(key);
    this.#counts.set(key, { saidMs: nowMs, unsaid: 0 });
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > MAX_KEYS && oldest !== undefined) this.#counts.delete(oldest);
    const unsaid = count?.unsaid ?? 0;
    if (unsaid === 0) this.#tell(draft);
    else this.#tell({ ...draft, text: `${draft.text} (${unsaid} more since)`, data: { ...draft.data, unsaid } });
  }
}
