import type { FrameSkip } from '../../protocol/lab/labwire-frame.ts';
import { PRIORITIES } from '../../protocol/lab/priority.ts';
import { LinkedList } from './linked-list.ts';
import type { OutboundMessage } from './outbound-message.ts';
import { addSkips } from './skip.ts';
import {
  emptyLane,
  type KeyLane,
  NO_CLASS,
  PLACE_LINKS,
  type Rank,
  TURN_LINKS,
  type Turn,
  WaitingMessage,
} from './waiting-message.ts';

/** Messages and bytes that take room. */
export interface Room {
  messages: number;
  bytes: number;
}

interface ClassRoom extends Room {
  /** What may be given up, oldest first. */
  readonly plain: LinkedList<WaitingMessage>;
  /** Replies and events, given up last. */
  readonly kept: LinkedList<WaitingMessage>;
}

/** Memory of one that waits, beside its message; bytes (measured). */
const ENTRY_BYTES = 190;
const MOST_IDLE_LANES = 10_000;
const LOOKED_AT = 8;

/** Messages that wait: by order of sending, by class, by key. Knows no limits and no clock. */
export class WaitingRoom {
  readonly #turns: LinkedList<Turn>[] = PRIORITIES.map(() => new LinkedList<Turn>(TURN_LINKS));
  readonly #classes: ClassRoom[] = PRIORITIES.map(() => ({
    messages: 0,
    bytes: 0,
    plain: new LinkedList<WaitingMessage>(PLACE_LINKS),
    kept: new LinkedList<WaitingMessage>(PLACE_LINKS),
  }));
  readonly #lanes = new Map<string, KeyLane>();
  #messages = 0;
  #bytes = 0;
  #sharedBytes = 0;
  #order = 0;
  #keptWaiting = 0;

  get messages(): number {
    return this.#messages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Memory it takes: what many wait for together is not counted. */
  get memoryBytes(): number {
    return this.#messages * ENTRY_BYTES + this.#bytes - this.#sharedBytes;
  }

  /** Replies and events that wait. */
  get keptWaiting(): number {
    return this.#keptWaiting;
  }

  roomOf(rank: Rank): Readonly<Room> {
    return this.#classes[rank] as ClassRoom;
  }

  /** What goes next in a class, sources included. */
  turnsOf(rank: Rank): LinkedList<Turn> {
    return this.#turns[rank] as LinkedList<Turn>;
  }

  lane(key: string): KeyLane {
    const found = this.#lanes.get(key);
    if (found) return found;
    this.#makeRoomForLane();
    const made = emptyLane(key);
    this.#lanes.set(key, made);
    return made;
  }

  /** What was left out at the end of a key whose stream ended; its lane goes when nothing waits. */
  forget(key: string): FrameSkip | undefined {
    const lane = this.#lanes.get(key);
    if (!lane) return undefined;
    const skip = lane.pendingSkip;
    lane.pendingSkip = undefined;
    if (lane.messages.size === 0) this.#lanes.delete(key);
    return skip;
  }

  /** Lets a message wait at the end of its class. Earlier ones of its key that are less urgent move before it. */
  add(message: OutboundMessage, rank: Rank, nowMs: number): WaitingMessage {
    const lane = this.lane(message.key);
    const entry = new WaitingMessage(message, lane, rank, this.#order++, nowMs);
    this.#promote(lane, rank);
    entry.skip = lane.pendingSkip;
    lane.pendingSkip = undefined;
    lane.messages.push(entry);
    this.#enter(entry, rank);
    return entry;
  }

  /** Lets an event wait to go out again: outside the order of its key, for what came after it went already. */
  addAgain(message: OutboundMessage, skip: FrameSkip | undefined, rank: Rank, nowMs: number): WaitingMessage {
    const entry = new WaitingMessage(message, emptyLane(message.key, true), rank, this.#order++, nowMs);
    entry.skip = skip;
    this.#enter(entry, rank);
    return entry;
  }

  #enter(entry: WaitingMessage, rank: Rank): void {
    const { message } = entry;
    this.turnsOf(rank).push(entry);
    this.#placesOf(entry).push(entry);
    this.#count(rank, 1, message);
    if (isKept(message)) this.#keptWaiting++;
  }

  /** A newer message in the place of one that waits; that one's rows become part of what was left out before it. */
  replace(entry: WaitingMessage, message: OutboundMessage, rank: Rank): void {
    const old = entry.message;
    const skip = addSkips(addSkips(entry.skip, old.before), { n: old.rows, reason: 'conflated' });
    entry.skip = addSkips(skip, entry.lane.pendingSkip);
    entry.lane.pendingSkip = undefined;
    this.#count(entry.classRank, -1, old);
    entry.message = message;
    if (rank !== entry.classRank) {
      this.#placesOf(entry).remove(entry);
      entry.classRank = rank;
      this.#placesOf(entry).push(entry);
    }
    this.#count(rank, 1, message);
    if (rank < entry.turnRank) this.#promote(entry.lane, rank);
  }

  /** Whether a message waits: not sent, not given up. */
  has(entry: WaitingMessage): boolean {
    return this.turnsOf(entry.turnRank).has(entry);
  }

  /** Takes a message out to be sent. */
  take(entry: WaitingMessage): void {
    this.turnsOf(entry.turnRank).remove(entry);
    this.#placesOf(entry).remove(entry);
    entry.lane.messages.remove(entry);
    this.#count(entry.classRank, -1, entry.message);
    if (isKept(entry.message)) this.#keptWaiting--;
  }

  /** Gives a message up, also one that was taken out and did not go after all: its rows are left out before the next one of its key. */
  lose(entry: WaitingMessage, reason: FrameSkip['reason']): void {
    const isWaiting = this.has(entry);
    // One that was taken out to be sent stood before all others of its key.
    const next = isWaiting ? entry.lane.messages.after(entry) : entry.lane.messages.first;
    if (isWaiting) this.take(entry);
    entry.classRank = NO_CLASS;
    if (entry.isAgain) return;
    const { rows, before } = entry.message;
    const skip = addSkips(addSkips(entry.skip, before), { n: rows, reason });
    if (next) next.skip = addSkips(skip, next.skip);
    else entry.lane.pendingSkip = addSkips(skip, entry.lane.pendingSkip);
  }

  /** The message a class would give up first. */
  victimOf(rank: Rank): WaitingMessage | undefined {
    const { plain, kept } = this.#classes[rank] as ClassRoom;
    return plain.first ?? kept.first;
  }

  /** What waits of a key moves to another class. */
  reclass(key: string, rank: Rank): void {
    const lane = this.#lanes.get(key);
    if (!lane) return;
    for (const entry of lane.messages) {
      this.#count(entry.classRank, -1, entry.message);
      this.#placesOf(entry).remove(entry);
      entry.classRank = rank;
      this.#placesOf(entry).push(entry);
      this.#count(rank, 1, entry.message);
      this.turnsOf(entry.turnRank).remove(entry);
      entry.turnRank = rank;
      this.turnsOf(rank).push(entry);
    }
  }

  /** All that waits, in the order it came. */
  waiting(): WaitingMessage[] {
    const all = [...this.#lanes.values()].flatMap((lane) => [...lane.messages]);
    return all.toSorted((one, other) => one.order - other.order);
  }

  /** What was left out at the end of each key. */
  *pendingSkips(): Generator<[string, FrameSkip]> {
    for (const { key, pendingSkip } of this.#lanes.values()) if (pendingSkip) yield [key, pendingSkip];
  }

  /** Messages of one key never pass each other: an urgent one takes those before it along. */
  #promote(lane: KeyLane, rank: Rank): void {
    if ((lane.messages.last?.turnRank ?? rank) <= rank) return;
    for (const entry of lane.messages) {
      if (entry.turnRank <= rank) continue;
      this.turnsOf(entry.turnRank).remove(entry);
      entry.turnRank = rank;
      this.turnsOf(rank).push(entry);
    }
  }

  #placesOf(entry: WaitingMessage): LinkedList<WaitingMessage> {
    const room = this.#classes[entry.classRank] as ClassRoom;
    return isKept(entry.message) ? room.kept : room.plain;
  }

  #count(rank: Rank, messages: 1 | -1, { sizeBytes, isShared }: OutboundMessage): void {
    const bytes = messages * sizeBytes;
    const room = this.#classes[rank] as ClassRoom;
    room.messages += messages;
    room.bytes += bytes;
    this.#messages += messages;
    this.#bytes += bytes;
    if (isShared) this.#sharedBytes += bytes;
  }

  /** Keys come from clients: lanes nothing hangs on are closed, oldest first; a few are looked at each time. */
  #makeRoomForLane(): void {
    if (this.#lanes.size < MOST_IDLE_LANES) return;
    let looked = 0;
    for (const [key, lane] of this.#lanes) {
      if (++looked > LOOKED_AT) return;
      this.#lanes.delete(key);
      if (lane.messages.size > 0 || lane.pendingSkip) this.#lanes.set(key, lane);
    }
  }
}

function isKept({ delivery }: OutboundMessage): boolean {
  return delivery === 'reply' || delivery === 'event';
}
