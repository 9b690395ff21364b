import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { FrameSkip } from '../../protocol/lab/labwire-frame.ts';
import type { Priority } from '../../protocol/lab/priority.ts';
import { admit } from './admission.ts';
import { type AttachedSource, rankOf } from './attached-source.ts';
import { type DeliveryOptions, deliveryOptions, NATIVE_DELIVERY } from './delivery-options.ts';
import type { BackpressureStats, ConnectionStats, DeliveryState, DropReport, StreamLedger } from './delivery-report.ts';
import type { Attachment, DeliverySource } from './delivery-source.ts';
import { DropReporter } from './drop-reporter.ts';
import { EventDesk, type PendingEvent } from './event-desk.ts';
import { Eviction } from './eviction.ts';
import { LossBook } from './loss-book.ts';
import type { OfferVerdict, OutboundMessage } from './outbound-message.ts';
import { PressureState, thinningShare } from './pressure-state.ts';
import type { BudgetShare, QueueBudget } from './queue-budget.ts';
import { SendGate } from './send-gate.ts';
import { Sender } from './sender.ts';
import { addSkips } from './skip.ts';
import { SourceDesk } from './source-desk.ts';
import { StreamLedgers } from './stream-ledgers.ts';
import {
  backpressureStats,
  connectionStats,
  type DeliveryDetails,
  deliveryDetails,
  type Measured,
} from './traffic-stats.ts';
import type { Unsent } from './unsent.ts';
import { type Rank, unitsOf, type WaitingMessage } from './waiting-message.ts';
import { WaitingRoom } from './waiting-room.ts';
import { CLOSE_SLOW, type Wire } from './wire.ts';

export interface OutboxParts {
  clock: Clock;
  /** 0 ≤ x < 1; which LOW messages go under pressure. */
  random: () => number;
  /** Default: NATIVE_DELIVERY. */
  options?: DeliveryOptions;
  /** Memory of all queues together; without it only the limits of this one count. */
  budget?: QueueBudget;
  /** What was lost and which state it is in; offer it to the client as `latest`. */
  onReport?: (report: DropReport) => void;
  /** An event that nobody acknowledged in time, or that was pushed out by others: to the log, and as an alarm to the others. */
  onUndelivered?: (message: OutboundMessage) => void;
  /** A message that could not be encoded; it counts as dropped. */
  onFault?: (error: LabError) => void;
  /** Makes one binary message of several; without it nothing is gathered. */
  joinFrames?: (frames: readonly Uint8Array[]) => Uint8Array;
}

/**
 * Everything that goes to one client: what goes next, what waits, what is left out. Owns every message from the offer to the acknowledgement; its states are
 * drawn in `PressureState`. docs/hub-delivery.md says why.
 */
export class Outbox {
  readonly #clock: Clock;
  readonly #wire: Wire;
  readonly #parts: OutboxParts;
  readonly #room = new WaitingRoom();
  readonly #ledgers = new StreamLedgers();
  readonly #reporter: DropReporter;
  readonly #book: LossBook;
  readonly #sources: SourceDesk;
  readonly #events: EventDesk;
  readonly #eviction: Eviction;
  readonly #share: BudgetShare | undefined;
  readonly #pressure: PressureState;
  readonly #gate: SendGate;
  readonly #sender: Sender;
  #options: DeliveryOptions;
  #slowTimer: Disposable | undefined;
  #drain: { timer: Disposable; done: (isEmpty: boolean) => void } | undefined;
  #isClosing = false;
  #isEnded = false;

  constructor(wire: Wire, parts: OutboxParts) {
    const { clock } = parts;
    this.#clock = clock;
    this.#wire = wire;
    this.#parts = parts;
    this.#options = deliveryOptions(parts.options ?? NATIVE_DELIVERY);
    const now = clock.monotonicMs();
    const options = (): DeliveryOptions => this.#options;
    this.#pressure = new PressureState(clock);
    this.#reporter = new DropReporter(
      clock,
      options,
      () => this.#pressure,
      (report) => parts.onReport?.(report),
    );
    this.#book = new LossBook(this.#ledgers, this.#reporter, now);
    this.#sources = new SourceDesk(this.#room, this.#ledgers, this.#book);
    this.#events = new EventDesk(clock, {
      rules: options,
      again: (event) => this.#again(event),
      undelivered: (event) => this.#undelivered(event),
    });
    this.#gate = new SendGate(clock, wire, options);
    this.#share = parts.budget?.enter();
    this.#eviction = new Eviction(
      options,
      this.#room,
      this.#sources,
      (rank, messages) => this.#giveUp(rank, messages),
      this.#share,
    );
    this.#sender = new Sender({
      clock,
      wire,
      options,
      joinFrames: parts.joinFrames,
      room: this.#room,
      sources: this.#sources,
      ledgers: this.#ledgers,
      book: this.#book,
      events: this.#events,
      gate: this.#gate,
      pressure: () => this.#pressureNow(),
      lost: (entry, reason) => this.#lose(entry, reason),
      fault: (error) => parts.onFault?.(LabError.from(error)),
      changed: () => this.#settle(),
    });
  }

  get state(): DeliveryState {
    return this.#pressure.state;
  }

  /** Part of the limits in use; 1 is full, CRITICAL may go beyond. */
  get utilization(): number {
    return this.#eviction.utilization;
  }

  /** Whether more waits than the warning threshold. */
  get isWarning(): boolean {
    return this.#room.messages + this.#sources.frames > this.#options.warningMessages;
  }

  get options(): Readonly<DeliveryOptions> {
    return this.#options;
  }

  /** Takes a message over. It goes at once if nothing of its priority or above waits. */
  offer(message: OutboundMessage): OfferVerdict {
    const { key, delivery, id } = message;
    if (delivery === 'event' && id !== undefined && this.#events.has(id)) return 'queued';
    this.#book.counts.offered++;
    this.#ledgers.produce(key, unitsOf(message));
    const rank = rankOf(message.priority);
    const isWanted = !this.#isEnded && (!this.#drain || delivery === 'reply' || delivery === 'event');
    if (!isWanted) return this.#refuse(message, rank, 'dropped');
    const { state, share } = this.#pressureNow();
    const pressure = { state, share, nowMs: this.#clock.monotonicMs() };
    const admission = admit(message, rank, this.#room, pressure, this.#options, this.#parts.random);
    if (admission.kind === 'lose') return this.#refuse(message, rank, admission.loss);
    this.#book.counts.queued++;
    let entry: WaitingMessage;
    if (admission.kind === 'replace') {
      entry = admission.entry;
      this.#book.lose(key, entry.classRank, 'conflated', unitsOf(entry.message), 1);
      this.#room.replace(entry, message, rank);
    } else {
      entry = this.#room.add(message, rank, pressure.nowMs);
      if (admission.isSnapshot) entry.lane.snapshot = entry;
      if (delivery === 'event' && id !== undefined) this.#events.add(id, entry);
    }
    this.#makeRoom(rank, entry);
    this.#sender.pump();
    if (entry.isLost) return 'dropped';
    return this.#room.has(entry) ? 'queued' : 'sent';
  }

  /** Lets a source give its messages in turn with the others. */
  attach(source: DeliverySource): Attachment {
    const attached = this.#sources.attach(source, this.#clock.monotonicMs());
    const changed = (): void => this.#sourceChanged(attached);
    changed();
    return {
      changed,
      detach: () => {
        this.#sources.detach(attached);
        this.#settle();
      },
    };
  }

  /** The client has taken so many bytes in all since the connection began. */
  ack(bytes: number): void {
    if (this.#isEnded) return;
    this.#sender.ack(bytes);
    this.#sender.pump();
  }

  /** The client has these events; ids nobody knows are ignored, for an acknowledgement may come twice. */
  ackEvents(ids: readonly string[]): void {
    for (const id of ids) {
      const event = this.#events.acknowledge(id);
      if (!event) continue;
      if (event.waiting && this.#room.has(event.waiting)) this.#room.take(event.waiting);
      this.#ledgers.land(event.message.key, unitsOf(event.message));
    }
    this.#settle();
  }

  /** A round trip of a ping; ms. Of a peer without acknowledgements it says how full the way is. */
  roundTrip(ms: number): void {
    this.#gate.roundTrip(ms);
    this.#sender.pump();
  }

  /** Bytes left the process; a peer without acknowledgements. */
  writable(): void {
    this.#sender.pump();
  }

  /** Other numbers from now on. Nothing is dropped by it; a lowered limit is reached while others come. */
  configure(changes: Partial<DeliveryOptions>): void {
    this.#options = deliveryOptions(this.#options, changes);
    this.#gate.configure();
    this.#sender.pump();
  }

  /** What waits under a key goes with another priority; what is offered later says its own. */
  setPriority(key: string, priority: Priority): void {
    this.#room.reclass(key, rankOf(priority));
    this.#sources.reclass(key, rankOf(priority), this.#clock.monotonicMs());
    this.#sender.pump();
  }

  /** A stream ended: closes its accounts. Gives what was left out after its last message, for a `gap`. */
  forget(key: string): FrameSkip | undefined {
    this.#ledgers.forget(key);
    return this.#room.forget(key);
  }

  ledger(key: string): Readonly<StreamLedger> {
    return this.#ledgers.of(key);
  }

  /** Of all keys that are not forgotten. */
  ledgers(): Iterable<[string, Readonly<StreamLedger>]> {
    return this.#ledgers.entries();
  }

  /** Sum of all that ever passed, forgotten keys too. */
  get total(): Readonly<StreamLedger> {
    return this.#ledgers.total;
  }

  stats(): BackpressureStats {
    return backpressureStats(this.#measured());
  }

  connectionStats(): ConnectionStats {
    return connectionStats(this.#measured());
  }

  /** What the level controller and the metrics ask for. */
  details(): DeliveryDetails {
    return deliveryDetails(this.#measured());
  }

  /** Counters begin anew; the accounts of rows do not. */
  resetStats(): void {
    this.#book.reset(this.#clock.monotonicMs());
  }

  /** Sends what waits and takes only replies and events meanwhile; transfers stop where they are. True when all was taken in time. */
  drain(deadlineMs: number): Promise<boolean> {
    if (this.#isEnded) return Promise.resolve(false);
    this.#drain?.done(false);
    return new Promise((resolve) => {
      const done = (isEmpty: boolean): void => {
        this.#drain?.timer[Symbol.dispose]();
        this.#drain = undefined;
        this.#sender.isDraining = false;
        resolve(isEmpty);
      };
      this.#drain = { timer: this.#clock.after(deadlineMs, () => done(false)), done };
      this.#sender.isDraining = true;
      this.#sender.pump();
    });
  }

  /** Ends it: everything that did not arrive for certain, in order, for the next connection of the session. */
  takeUnsent(): Unsent {
    const waiting = this.#sender
      .waiting()
      .filter(({ message }) => message.id === undefined || !this.#events.has(message.id));
    const events = [...this.#events.pending()];
    const messages = [
      ...waiting.map(({ order, message, skip }) => ({ order, message, skipped: skip, isKnown: false })),
      ...events.map(({ order, message, skip, wasSent, waiting: entry }) => ({
        order,
        message,
        skipped: wasSent ? skip : entry?.skip,
        isKnown: wasSent || entry === undefined,
      })),
    ];
    const unsent: Unsent = {
      messages: messages
        .toSorted((one, other) => one.order - other.order)
        .map(({ message, skipped, isKnown }) => ({ message, skipped, isKnown })),
      skips: [...this.#room.pendingSkips()],
      sources: [...this.#sources.all].map(({ source }) => source),
    };
    this.#end();
    return unsent;
  }

  /** Goes on with what another connection of the session could not deliver. Sources are attached by who knows their clients. */
  adopt({ messages, skips }: Unsent): void {
    for (const [order, { message, skipped, isKnown }] of messages.entries()) {
      if (isKnown && message.id !== undefined) {
        this.#ledgers.produce(message.key, unitsOf(message));
        this.#ledgers.fly(message.key, unitsOf(message));
        this.#events.adopt(message.id, message, skipped, order - messages.length);
        continue;
      }
      const lane = this.#room.lane(message.key);
      lane.pendingSkip = addSkips(lane.pendingSkip, skipped);
      this.offer(message);
    }
    for (const [key, skip] of skips) {
      const lane = this.#room.lane(key);
      lane.pendingSkip = addSkips(lane.pendingSkip, skip);
    }
  }

  #refuse(message: OutboundMessage, rank: Rank, loss: 'dropped' | 'decimated' | 'conflated'): OfferVerdict {
    const { key, rows, before } = message;
    const reason = loss === 'dropped' ? 'overflow' : loss;
    const lane = this.#room.lane(key);
    lane.pendingSkip = addSkips(lane.pendingSkip, addSkips(before, { n: rows, reason }));
    this.#book.lose(key, rank, loss, unitsOf(message), 1);
    return loss;
  }

  #sourceChanged(attached: AttachedSource): void {
    if (attached.isDetached || this.#isEnded) return;
    this.#sources.refresh(attached);
    this.#sources.queue(attached, this.#clock.monotonicMs());
    this.#makeRoom(attached.rank, undefined);
    this.#sender.pump();
  }

  #makeRoom(rank: Rank, entry: WaitingMessage | undefined): void {
    if (!this.#eviction.makeRoom(rank)) {
      if (entry) this.#lose(entry, 'overflow');
      this.#close('The client takes too little even for what is critical.');
    }
    this.#settle();
  }

  /** Loses the oldest of a class: rows of a ring first (history still has them), then messages. Events are held instead. */
  #giveUp(rank: Rank, messages: number): boolean {
    this.#book.counts.overflows++;
    const fullest = this.#sources.fullestOf(rank);
    if (fullest && this.#sources.skip(fullest, Math.min(fullest.frames, Math.ceil(messages)))) return true;
    const victim = this.#room.victimOf(rank);
    if (!victim) return false;
    this.#lose(victim, 'overflow');
    return true;
  }

  #lose(entry: WaitingMessage, reason: FrameSkip['reason']): void {
    const { key, id, delivery } = entry.message;
    const rank = entry.classRank;
    this.#room.lose(entry, reason);
    if (delivery === 'event' && id !== undefined && this.#events.has(id)) this.#events.hold(id);
    else this.#book.lose(key, rank, 'dropped', entry.units, 1);
  }

  #again(event: PendingEvent): void {
    const rank = rankOf(event.message.priority);
    event.waiting = this.#room.addAgain(event.message, event.skip, rank, this.#clock.monotonicMs());
    this.#makeRoom(rank, event.waiting);
    this.#sender.pump();
  }

  #undelivered({ message, waiting, wasSent }: PendingEvent): void {
    const rank = rankOf(message.priority);
    if (waiting) this.#room.lose(waiting, 'expired');
    if (wasSent) this.#book.sink(message.key, rank, unitsOf(message));
    else this.#book.lose(message.key, rank, 'dropped', unitsOf(message), 1);
    this.#parts.onUndelivered?.(message);
  }

  /** The state as it is now, and what share is thinned out. */
  #pressureNow(): { state: DeliveryState; share: number } {
    const { isEnabled, watermarks } = this.#options;
    const state = isEnabled ? this.#pressure.state : 'NORMAL';
    return { state, share: thinningShare(this.utilization, watermarks) };
  }

  /** After anything came or went. */
  #settle(): void {
    const { watermarks, emergencyMode } = this.#options;
    this.#eviction.countMemory();
    if (this.#pressure.update(this.utilization, watermarks, emergencyMode)) {
      this.#reporter.changed();
      if (this.state === 'EMERGENCY') this.#watchSlow(this.#options.slowMs);
      else this.#sources.queueAll(this.#clock.monotonicMs());
      this.#sender.pump();
    }
    if (this.#drain && this.#sender.isEmpty) this.#drain.done(true);
  }

  /** EMERGENCY without a sign that anything is taken ends the connection. */
  #watchSlow(afterMs: number): void {
    this.#slowTimer?.[Symbol.dispose]();
    this.#slowTimer = this.#clock.after(afterMs, () => {
      this.#slowTimer = undefined;
      if (this.state !== 'EMERGENCY') return;
      this.#sender.pump();
      const quietMs = this.#clock.monotonicMs() - Math.max(this.#gate.flow.ackedMs, this.#pressure.sinceMs);
      if (quietMs < this.#options.slowMs) this.#watchSlow(this.#options.slowMs - quietMs);
      else this.#close(`The client took nothing for ${Math.round(quietMs / 1000)} s.`);
    });
  }

  #close(reason: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#sender.stop();
    this.#wire.close(CLOSE_SLOW, reason);
  }

  #measured(): Measured {
    return {
      nowMs: this.#clock.monotonicMs(),
      options: this.#options,
      state: this.state,
      utilization: this.utilization,
      isPaused: this.#sender.isPaused,
      unackedEvents: this.#events.size,
      room: this.#room,
      sources: this.#sources,
      book: this.#book,
      gate: this.#gate,
    };
  }

  #end(): void {
    this.#isEnded = true;
    this.#sender.stop();
    this.#sources.clear();
    this.#events[Symbol.dispose]();
    this.#share?.[Symbol.dispose]();
    this.#reporter[Symbol.dispose]();
    this.#slowTimer?.[Symbol.dispose]();
    this.#drain?.done(false);
  }
}
