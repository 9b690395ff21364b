import { PRIORITIES } from '../../protocol/lab/priority.ts';
import { AttachedSource } from './attached-source.ts';
import type { DeliverySource } from './delivery-source.ts';
import type { LossBook } from './loss-book.ts';
import type { StreamLedgers } from './stream-ledgers.ts';
import type { Rank } from './waiting-message.ts';
import type { Room, WaitingRoom } from './waiting-room.ts';

/** The sources of one outbox: their rows wait elsewhere and are counted here as the messages they would make. */
export class SourceDesk {
  readonly #attached = new Set<AttachedSource>();
  readonly #room: WaitingRoom;
  readonly #ledgers: StreamLedgers;
  readonly #book: LossBook;
  readonly #byRank: Room[] = PRIORITIES.map(() => ({ messages: 0, bytes: 0 }));
  #frames = 0;
  #bytes = 0;

  constructor(room: WaitingRoom, ledgers: StreamLedgers, book: LossBook) {
    this.#room = room;
    this.#ledgers = ledgers;
    this.#book = book;
  }

  get frames(): number {
    return this.#frames;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get all(): Iterable<AttachedSource> {
    return this.#attached;
  }

  roomOf(rank: Rank): Readonly<Room> {
    return this.#byRank[rank] as Room;
  }

  attach(source: DeliverySource, nowMs: number): AttachedSource {
    const attached = new AttachedSource(source);
    this.#attached.add(attached);
    this.refresh(attached);
    this.queue(attached, nowMs);
    return attached;
  }

  /** Its rows that wait are given up: nobody wants them any more. */
  detach(attached: AttachedSource): void {
    if (attached.isDetached) return;
    this.refresh(attached);
    const { source } = attached;
    if (source.kind === 'stream') this.#ledgers.lose(source.key, 'dropped', source.backlog().rows);
    attached.isDetached = true;
    this.leaveTurn(attached);
    this.#set(attached, 0, 0);
    this.#attached.delete(attached);
  }

  /** Looks at what waits in it now. */
  refresh(attached: AttachedSource): void {
    const { source, rank } = attached;
    if (source.kind === 'bulk' || attached.isDetached) return;
    const backlog = source.backlog();
    this.#ledgers.produce(source.key, backlog.producedRows - attached.producedRows);
    attached.producedRows = backlog.producedRows;
    this.#book.lose(source.key, rank, 'dropped', backlog.lostRows - attached.lostRows, 0);
    attached.lostRows = backlog.lostRows;
    const { conflatedRows = 0 } = backlog;
    this.#book.lose(source.key, rank, 'conflated', conflatedRows - attached.conflatedRows, 0);
    attached.conflatedRows = conflatedRows;
    this.#set(attached, backlog.frames, backlog.bytes);
  }

  /** Gives it its turn in the order of sending, if it has something and none yet. */
  queue(attached: AttachedSource, nowMs: number): void {
    const turns = this.#room.turnsOf(attached.rank);
    if (attached.isDetached || turns.has(attached) || !attached.hasMore) return;
    attached.sinceMs = nowMs;
    turns.push(attached);
  }

  leaveTurn(attached: AttachedSource): void {
    this.#room.turnsOf(attached.rank).remove(attached);
  }

  /** All that have something take their turn again: pressure is over, or a snapshot is due. */
  queueAll(nowMs: number): void {
    for (const attached of this.#attached) this.queue(attached, nowMs);
  }

  /** Lets the oldest messages of a stream go; whether that made room. */
  skip(attached: AttachedSource, frames: number): boolean {
    const { source, rank } = attached;
    if (source.kind === 'bulk' || frames <= 0) return false;
    const before = attached.frames;
    const rows = source.skip(frames);
    this.#book.lose(source.key, rank, 'dropped', rows, Math.min(before, frames));
    this.refresh(attached);
    return attached.frames < before;
  }

  /** The stream of a class in which most waits. */
  fullestOf(rank: Rank): AttachedSource | undefined {
    if (this.roomOf(rank).messages === 0) return undefined;
    let fullest: AttachedSource | undefined;
    for (const attached of this.#attached)
      if (attached.rank === rank && attached.frames > (fullest?.frames ?? 0)) fullest = attached;
    return fullest;
  }

  reclass(key: string, rank: Rank, nowMs: number): void {
    for (const attached of this.#attached) {
      if (attached.key !== key || attached.rank === rank) continue;
      const { frames, bytes } = attached;
      this.#set(attached, 0, 0);
      this.leaveTurn(attached);
      attached.rank = rank;
      this.#set(attached, frames, bytes);
      this.queue(attached, nowMs);
    }
  }

  clear(): void {
    for (const attached of this.#attached) {
      attached.isDetached = true;
      this.leaveTurn(attached);
    }
    this.#attached.clear();
  }

  #set(attached: AttachedSource, frames: number, bytes: number): void {
    const room = this.roomOf(attached.rank) as Room;
    room.messages += frames - attached.frames;
    room.bytes += bytes - attached.bytes;
    this.#frames += frames - attached.frames;
    this.#bytes += bytes - attached.bytes;
    attached.frames = frames;
    attached.bytes = bytes;
  }
}
