import { randomUUID } from 'node:crypto';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { StateBoard } from './state-board.ts';

export type EventDraft = Omit<LabEvent, 'id' | 't'> & { atNs?: bigint };

/**
 * What happened, in the order it was noticed: for the time axis of every screen and for the running recording.
 * Bounded: the oldest go first (they are in the recording, if one ran).
 */
export class EventLog {
  readonly #clock: Clock;
  readonly #board: StateBoard;
  readonly #limit: number;
  readonly #listeners = new Set<(event: LabEvent) => void>();
  #events: LabEvent[] = [];

  constructor(clock: Clock, board: StateBoard, limit = 10_000) {
    this.#clock = clock;
    this.#board = board;
    this.#limit = limit;
  }

  add(draft: EventDraft): LabEvent {
    const { atNs, ...rest } = draft;
    const event: LabEvent = { id: randomUUID(), t: String(atNs ?? this.#clock.nowNs()), ...rest };
    this.#events.push(event);
    // In blocks, so that a full log does not move all of itself for every event.
    if (this.#events.length > this.#limit * 1.25) this.#events = this.#events.slice(-this.#limit);
    for (const listener of this.#listeners) listener(event);
    this.#board.publish('event.happened', { event });
    return event;
  }

  between(fromNs: bigint, toNs: bigint): LabEvent[] {
    return this.#events.filter(({ t }) => BigInt(t) >= fromNs && BigInt(t) <= toNs);
  }

  onEvent(listener: (event: LabEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}
