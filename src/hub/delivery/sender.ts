import type { Clock } from '../../core/clock.ts';
import type { FrameSkip } from '../../protocol/lab/labwire-frame.ts';
import type { AttachedSource } from './attached-source.ts';
import type { DeliveryOptions } from './delivery-options.ts';
import type { DeliveryState } from './delivery-report.ts';
import type { EventDesk } from './event-desk.ts';
import type { Flight } from './flow-window.ts';
import { FrameBatch } from './frame-batch.ts';
import type { LossBook } from './loss-book.ts';
import type { Encoded, OutboundMessage } from './outbound-message.ts';
import type { SendGate } from './send-gate.ts';
import { addSkips } from './skip.ts';
import type { SourceDesk } from './source-desk.ts';
import { SourceReader } from './source-reader.ts';
import type { StreamLedgers } from './stream-ledgers.ts';
import { TurnOrder } from './turn-order.ts';
import { type Rank, WaitingMessage } from './waiting-message.ts';
import type { WaitingRoom } from './waiting-room.ts';
import type { Wire } from './wire.ts';

const CRITICAL = 0;
/** How often a peer without acknowledgements is looked at while it is full; ms. */
const POLL_MS = 10;

export interface SenderParts {
  clock: Clock;
  wire: Wire;
  options: () => DeliveryOptions;
  joinFrames: ((frames: readonly Uint8Array[]) => Uint8Array) | undefined;
  room: WaitingRoom;
  sources: SourceDesk;
  ledgers: StreamLedgers;
  book: LossBook;
  events: EventDesk;
  gate: SendGate;
  pressure: () => { state: DeliveryState; share: number };
  /** A message is given up. */
  lost: (entry: WaitingMessage, reason: FrameSkip['reason']) => void;
  fault: (error: unknown) => void;
  /** Something went: less waits. */
  changed: () => void;
}

/** Puts on the wire what may go, in order, as long as gate and wire let it. */
export class Sender {
  readonly #parts: SenderParts;
  readonly #order: TurnOrder;
  readonly #reader: SourceReader;
  readonly #batch: FrameBatch;
  /** Taken out of the queue, not on the wire yet. */
  #encoding: WaitingMessage | undefined;
  #isPumping = false;
  #isStopped = false;
  #isBlocked = false;
  #isRateHit = false;
  #timer: Disposable | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  /** Transfers stop where they are. */
  isDraining = false;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    const { room, gate, options, sources, ledgers, book, pressure } = parts;
    this.#order = new TurnOrder(room, gate, options);
    this.#reader = new SourceReader({ sources, ledgers, book, pressure, options, isDraining: () => this.isDraining });
    this.#batch = new FrameBatch(parts.joinFrames);
  }

  /** Whether something waits and cannot go now. */
  get isPaused(): boolean {
    return this.#isBlocked;
  }

  /** Nothing waits and nothing is on its way. */
  get isEmpty(): boolean {
    const { room, sources, gate, options, wire } = this.#parts;
    const flying = options().hasAcks ? gate.flow.inFlightBytes : wire.bufferedBytes;
    return room.messages === 0 && sources.frames === 0 && !this.#encoding && flying === 0;
  }

  /** All messages that wait, in the order they came. */
  waiting(): WaitingMessage[] {
    const waiting = this.#parts.room.waiting();
    return this.#encoding && !this.#encoding.isAgain ? [this.#encoding, ...waiting] : waiting;
  }

  ack(totalBytes: number): void {
    const { gate, ledgers, clock } = this.#parts;
    for (const { key, rows } of gate.flow.ack(totalBytes, this.#isBlocked, clock.monotonicMs()))
      if (rows > 0) ledgers.land(key, rows);
    this.#parts.changed();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** Sends until nothing waits or nothing may go. Called from inside (a wire that answers at once), the running one goes on. */
  pump(): void {
    if (this.#isPumping || this.#isStopped || this.#encoding) return;
    this.#isPumping = true;
    try {
      this.#settleLegacy();
      this.#isBlocked = false;
      while (this.#step()) this.#parts.changed();
      this.#flush();
    } finally {
      this.#isPumping = false;
    }
    this.#parts.changed();
  }

  /** Sends what is next; false when nothing is or it may not go. */
  #step(): boolean {
    if (this.#isStopped || this.#encoding) return false;
    if (this.#isGathering()) return false;
    const turn = this.#order.next((source) => this.#park(source));
    if (!turn) return false;
    return turn instanceof WaitingMessage ? this.#sendMessage(turn) : this.#sendFrame(turn);
  }

  #sendMessage(entry: WaitingMessage): boolean {
    const { room, book, clock, lost, options } = this.#parts;
    const { message, turnRank } = entry;
    const waitedMs = clock.monotonicMs() - entry.sinceMs;
    if (isExpired(message, waitedMs)) {
      lost(entry, 'expired');
      return true;
    }
    if (!this.#mayGo(turnRank, message.sizeBytes)) return false;
    room.take(entry);
    this.#order.took();
    if (waitedMs > options().starvationMs) book.waitedLong(entry.classRank);
    let data: Encoded | Promise<Encoded>;
    try {
      data = message.encode(addSkips(entry.skip, message.before));
    } catch (error) {
      this.#failed(entry, error);
      return true;
    }
    if (!(data instanceof Promise)) {
      this.#sent(entry, data);
      return true;
    }
    this.#flush();
    this.#encoding = entry;
    data.then(
      (encoded) => this.#encoded(entry, () => this.#sent(entry, encoded)),
      (error: unknown) => this.#encoded(entry, () => this.#failed(entry, error)),
    );
    return false;
  }

  #encoded(entry: WaitingMessage, then: () => void): void {
    if (this.#encoding !== entry || this.#isStopped) return;
    this.#encoding = undefined;
    // It may have been given up meanwhile.
    if (!entry.isLost) then();
    this.#flush();
    this.pump();
  }

  #sent(entry: WaitingMessage, data: Encoded): void {
    const { ledgers, events } = this.#parts;
    const { message, turnRank } = entry;
    const isTracked = message.delivery === 'event' && message.id !== undefined && events.has(message.id);
    ledgers.fly(message.key, entry.units);
    const flight = { key: message.key, rows: isTracked ? 0 : entry.units };
    const isData = message.delivery === 'stream' || message.delivery === 'latest';
    this.#put(data, flight, turnRank, isData, message.compress);
    if (isTracked && message.id !== undefined) events.sent(message.id, entry.skip);
  }

  #failed(entry: WaitingMessage, error: unknown): void {
    const { room, book, fault } = this.#parts;
    book.lose(entry.message.key, entry.classRank, 'dropped', entry.units, 1);
    room.lose(entry, 'unknown');
    fault(error);
  }

  #sendFrame(attached: AttachedSource): boolean {
    const { gate, clock, book, options } = this.#parts;
    const maxBytes = gate.frameBytes;
    if (!this.#mayGo(attached.rank, this.#reader.estimate(attached, maxBytes))) return false;
    const waitedMs = clock.monotonicMs() - attached.sinceMs;
    this.#parts.sources.leaveTurn(attached);
    this.#order.took();
    const frame = this.#reader.take(attached, maxBytes, clock.monotonicMs());
    if (frame) {
      if (waitedMs > options().starvationMs) book.waitedLong(attached.rank);
      this.#put(
        frame.data,
        { key: attached.key, rows: frame.rows },
        attached.rank,
        attached.source.kind === 'stream',
        undefined,
      );
      this.#parts.sources.queue(attached, clock.monotonicMs());
    }
    return true;
  }

  /** A source that may not send now loses its turn; gives whether it does. */
  #park(attached: AttachedSource): boolean {
    const wait = this.#reader.holdMs(attached, this.#parts.clock.monotonicMs());
    if (wait === undefined) return false;
    if (wait < Number.POSITIVE_INFINITY) this.#wakeIn(wait);
    return true;
  }

  #mayGo(rank: Rank, bytes: number): boolean {
    const { gate, book, options } = this.#parts;
    const verdict = gate.ask(rank, bytes, this.#batch.bytes);
    if (verdict.kind === 'open') {
      if (rank !== CRITICAL) this.#isRateHit = false;
      gate.pass(rank);
      return true;
    }
    if (verdict.kind === 'rate') {
      if (!this.#isRateHit) book.counts.rateLimitHits++;
      this.#isRateHit = true;
      this.#wakeIn(verdict.waitMs);
      return false;
    }
    this.#isBlocked = true;
    if (!options().hasAcks) this.#wakeIn(POLL_MS);
    return false;
  }

  /** Whether it is worth while to wait for more to go with it. */
  #isGathering(): boolean {
    const { options, room, sources, joinFrames, clock } = this.#parts;
    const { batching } = options();
    if (!batching || !joinFrames || this.#batch.size > 0) return false;
    if (room.keptWaiting > 0 || this.#order.hasTurn(CRITICAL)) return false;
    if (room.messages + sources.frames >= batching.maxMessages) return false;
    const sinceMs = this.#order.oldestMs();
    if (sinceMs === undefined) return false;
    const wait = sinceMs + batching.maxMs - clock.monotonicMs();
    if (wait <= 0) return false;
    this.#wakeIn(wait);
    return true;
  }

  #put(data: Encoded, flight: Flight, rank: Rank, isData: boolean, compress: boolean | undefined): void {
    const { options, book, clock } = this.#parts;
    const { batching } = options();
    book.sent(clock.monotonicMs());
    if (batching && isData && rank > CRITICAL && typeof data !== 'string' && this.#batch.canJoin) {
      this.#batch.add(data, flight);
      if (this.#batch.size >= batching.maxMessages) this.#flush();
      return;
    }
    this.#flush();
    this.#transmit(data, [flight], compress ?? typeof data === 'string');
  }

  #flush(): void {
    const batch = this.#batch.take();
    if (batch) this.#transmit(batch.data, batch.flights, false);
  }

  #transmit(data: Encoded, flights: readonly Flight[], compress: boolean): void {
    const { gate, wire, clock } = this.#parts;
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    gate.flow.sent(bytes, flights, clock.monotonicMs());
    wire.send(data, { compress });
  }

  /** Without acknowledgements what left this process counts as taken. */
  #settleLegacy(): void {
    const { options, gate, wire } = this.#parts;
    if (options().hasAcks) return;
    this.ack(gate.flow.sentBytes - wire.bufferedBytes);
    if (this.isDraining && wire.bufferedBytes > 0) this.#wakeIn(POLL_MS);
  }

  #wakeIn(ms: number): void {
    const { clock, sources } = this.#parts;
    const dueMs = clock.monotonicMs() + ms;
    if (dueMs >= this.#timerDueMs || this.#isStopped) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerDueMs = dueMs;
    this.#timer = clock.after(ms, () => {
      this.#timer = undefined;
      this.#timerDueMs = Number.POSITIVE_INFINITY;
      sources.queueAll(clock.monotonicMs());
      this.pump();
    });
  }
}

function isExpired({ delivery, maxAgeMs }: OutboundMessage, waitedMs: number): boolean {
  return maxAgeMs !== undefined && waitedMs > maxAgeMs && delivery !== 'reply' && delivery !== 'event';
}
