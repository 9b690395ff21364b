import { PRIORITIES } from '../../protocol/lab/priority.ts';
import { AttachedSource } from './attached-source.ts';
import type { DeliveryOptions } from './delivery-options.ts';
import type { SendGate } from './send-gate.ts';
import { type Rank, WaitingMessage } from './waiting-message.ts';
import type { WaitingRoom } from './waiting-room.ts';

const CRITICAL = 0;
const SMALLEST_WEIGHT = 0.001;

interface Candidate {
  rank: Rank;
  turn: WaitingMessage | AttachedSource;
}

/** Which turn is next: strictly by class, or (`weighted`) CRITICAL first and the others by their reserves; FIFO inside a class. */
export class TurnOrder {
  readonly #room: WaitingRoom;
  readonly #gate: SendGate;
  readonly #options: () => DeliveryOptions;
  readonly #credits = PRIORITIES.map(() => 0);
  /** What could go at the last look, and the class that was picked. */
  #ready: Candidate[] = [];
  #picked: Rank = CRITICAL;

  constructor(room: WaitingRoom, gate: SendGate, options: () => DeliveryOptions) {
    this.#room = room;
    this.#gate = gate;
    this.#options = options;
  }

  hasTurn(rank: Rank): boolean {
    return this.#room.turnsOf(rank).size > 0;
  }

  /** When the oldest of those that are first in their class began to wait; ms. */
  oldestMs(): number | undefined {
    let oldest: number | undefined;
    for (let rank = 0; rank < PRIORITIES.length; rank++) {
      const turn = this.#room.turnsOf(rank).first;
      if (!turn) continue;
      oldest = Math.min(oldest ?? turn.sinceMs, turn.sinceMs);
    }
    return oldest;
  }

  /** The turn that is next, left in its place; `park` says which sources lose theirs for now. */
  next(park: (source: AttachedSource) => boolean): Candidate['turn'] | undefined {
    this.#ready = [];
    const isStrict = this.#options().fairness === 'strict';
    for (let rank = 0; rank < PRIORITIES.length; rank++) {
      if (this.#gate.isHeld(rank)) continue;
      const turn = this.#firstOf(rank, park);
      if (!turn) continue;
      if (isStrict || rank === CRITICAL) return turn;
      this.#ready.push({ rank, turn });
    }
    return this.#fairest();
  }

  /**
   * What `next` gave went. Every class that waited gets its share, and the one picked pays one: none is left out for good.
   */
  took(): void {
    if (this.#ready.length === 0) return;
    for (const { rank } of this.#ready) this.#credits[rank] = this.#creditOf(rank);
    this.#credits[this.#picked] = (this.#credits[this.#picked] ?? 0) - 1;
  }

  #firstOf(rank: Rank, park: (source: AttachedSource) => boolean): Candidate['turn'] | undefined {
    for (;;) {
      const turns = this.#room.turnsOf(rank);
      const turn = turns.first;
      if (!turn) return undefined;
      // Under `weighted` a lower class may be picked while a higher one holds earlier messages of the same key.
      if (turn instanceof WaitingMessage) return turn.lane.messages.first ?? turn;
      if (turn instanceof AttachedSource && !park(turn)) return turn;
      turns.remove(turn);
    }
  }

  #fairest(): Candidate['turn'] | undefined {
    let best: Candidate | undefined;
    for (const one of this.#ready) if (!best || this.#creditOf(one.rank) > this.#creditOf(best.rank)) best = one;
    this.#picked = best?.rank ?? CRITICAL;
    return best?.turn;
  }

  /** What a class would have with its share of this turn. */
  #creditOf(rank: Rank): number {
    const { reserves } = this.#options();
    const weightOf = (one: Rank): number => Math.max(reserves[PRIORITIES[one] ?? 'BULK'], SMALLEST_WEIGHT);
    const sum = this.#ready.reduce((all, one) => all + weightOf(one.rank), 0);
    return (this.#credits[rank] ?? 0) + weightOf(rank) / sum;
  }
}
