import { PRIORITIES } from '../../protocol/lab/priority.ts';
import type { DeliveryOptions } from './delivery-options.ts';
import type { BudgetShare } from './queue-budget.ts';
import type { SourceDesk } from './source-desk.ts';
import type { Rank } from './waiting-message.ts';
import type { WaitingRoom } from './waiting-room.ts';

const CRITICAL = 0;
type Measure = 'messages' | 'bytes';

/** After a lowered limit the room is not emptied at once: one that comes pushes out so many. */
const MOST_FOR_ONE = 2;

/** Reserves and who must go. Room that nobody needs is borrowed; who borrowed gives it back, the lowest class first. */
export class Eviction {
  readonly #options: () => DeliveryOptions;
  readonly #room: WaitingRoom;
  readonly #sources: SourceDesk;
  readonly #giveUp: (rank: Rank, messages: number) => boolean;
  readonly #share: BudgetShare | undefined;

  /** `giveUp` loses the oldest of a class, a source up to so many messages; whether that made room. `share`: of the memory of all queues. */
  constructor(
    options: () => DeliveryOptions,
    room: WaitingRoom,
    sources: SourceDesk,
    giveUp: (rank: Rank, messages: number) => boolean,
    share: BudgetShare | undefined,
  ) {
    this.#options = options;
    this.#room = room;
    this.#sources = sources;
    this.#giveUp = giveUp;
    this.#share = share;
  }

  /** Part of the limits in use; 1 is full. */
  get utilization(): number {
    const { maxMessages, maxBytes } = this.#options();
    const messages = this.#room.messages + this.#sources.frames;
    const bytes = this.#room.bytes + this.#sources.bytes;
    return Math.max(messages / maxMessages, bytes / maxBytes, this.#share?.utilization ?? 0);
  }

  /** Makes room after something of class `rank` came. False: it is CRITICAL and there is nothing left to give up. */
  makeRoom(rank: Rank): boolean {
    this.countMemory();
    if (this.utilization <= 1) return true;
    return this.#shrink('messages', rank) && this.#shrink('bytes', rank) && this.#shrinkToShare();
  }

  /** Tells the others how much memory waits here. */
  countMemory(): void {
    this.#share?.set(this.#room.memoryBytes);
  }

  /** Until the memory of all queues suffices, or this one holds no more than an equal part. CRITICAL stays: its number is limited anyway. */
  #shrinkToShare(): true {
    for (;;) {
      this.countMemory();
      if ((this.#share?.utilization ?? 0) <= 1) return true;
      const victim = this.#lowest((rank) => this.#room.roomOf(rank).messages > 0);
      if (victim === undefined || !this.#giveUp(victim, 0)) return true;
    }
  }

  #shrink(measure: Measure, rank: Rank): boolean {
    for (let given = 0; ; given++) {
      const over = this.#over(measure);
      if (over <= 0) return true;
      if (measure === 'messages' && given === MOST_FOR_ONE) return true;
      const victim =
        this.#borrower(measure) ??
        (rank === CRITICAL ? this.#lowest((one) => this.#use('messages', one) > 0) : undefined);
      if (victim === undefined) return rank !== CRITICAL;
      if (!this.#giveUp(victim, measure === 'messages' ? over : 1)) return true;
    }
  }

  /** How much more there is than may be. CRITICAL beyond its reserve has room of its own. */
  #over(measure: Measure): number {
    const { maxMessages, criticalOverflow } = this.#options();
    const limit = this.#limit(measure);
    const own = (criticalOverflow / maxMessages) * limit;
    const overflow = Math.min(own, Math.max(0, this.#use(measure, CRITICAL) - this.#reserve(measure, CRITICAL)));
    let all = 0;
    for (let rank = 0; rank < PRIORITIES.length; rank++) all += this.#use(measure, rank);
    return all - overflow - limit;
  }

  /** The lowest class that uses more than its reserve. */
  #borrower(measure: Measure): Rank | undefined {
    for (let rank = PRIORITIES.length - 1; rank > CRITICAL; rank--)
      if (this.#use(measure, rank) > this.#reserve(measure, rank)) return rank;
    return undefined;
  }

  /** The lowest class beside CRITICAL that gives something. */
  #lowest(hasSomething: (rank: Rank) => boolean): Rank | undefined {
    for (let rank = PRIORITIES.length - 1; rank > CRITICAL; rank--) if (hasSomething(rank)) return rank;
    return undefined;
  }

  #limit(measure: Measure): number {
    const { maxMessages, maxBytes } = this.#options();
    return measure === 'messages' ? maxMessages : maxBytes;
  }

  #use(measure: Measure, rank: Rank): number {
    return this.#room.roomOf(rank)[measure] + this.#sources.roomOf(rank)[measure];
  }

  #reserve(measure: Measure, rank: Rank): number {
    return Math.round(this.#options().reserves[PRIORITIES[rank] ?? 'BULK'] * this.#limit(measure));
  }
}
