import type { Clock } from '../../core/clock.ts';
import type { FrameSkip } from '../../protocol/lab/labwire-frame.ts';
import { EventRetries, type RetryRules } from './event-retries.ts';
import type { OutboundMessage } from './outbound-message.ts';
import { WaitingMessage } from './waiting-message.ts';

/** An event nobody acknowledged yet. */
export interface PendingEvent {
  readonly id: string;
  readonly message: OutboundMessage;
  readonly order: number;
  /** What was left out before it; the same each time it goes. */
  skip: FrameSkip | undefined;
  /** While it waits to go. */
  waiting: WaitingMessage | undefined;
  /** Whether it ever went. */
  wasSent: boolean;
}

export interface EventDeskHost {
  rules(): RetryRules & { maxUnackedEvents: number };
  /** Puts it into the queue once more, and sets `waiting`. */
  again(event: PendingEvent): void;
  /** Nobody acknowledged it in time. */
  undelivered(event: PendingEvent): void;
}

/** Events of one connection from the offer to the acknowledgement. */
export class EventDesk implements Disposable {
  readonly #host: EventDeskHost;
  /** One that waits to go for the first time is there as it waits: under load there are thousands of these. */
  readonly #pending = new Map<string, PendingEvent | WaitingMessage>();
  readonly #retries: EventRetries;

  constructor(clock: Clock, host: EventDeskHost) {
    this.#host = host;
    this.#retries = new EventRetries(
      clock,
      () => host.rules(),
      (id) => this.#again(id),
      (id) => this.#giveUp(id),
    );
  }

  get size(): number {
    return this.#pending.size;
  }

  has(id: string): boolean {
    return this.#pending.has(id);
  }

  /** All that are not acknowledged, in the order they came. */
  *pending(): Generator<PendingEvent> {
    for (const [id, held] of this.#pending) yield pendingOf(id, held);
  }

  /** A new one waits to go. The oldest beyond the limit are given up. */
  add(id: string, waiting: WaitingMessage): void {
    this.#pending.set(id, waiting);
    while (this.#pending.size > this.#host.rules().maxUnackedEvents) {
      const [oldest] = this.#pending.keys();
      if (oldest === undefined) return;
      this.#giveUp(oldest);
    }
  }

  /** It went out. */
  sent(id: string, skip: FrameSkip | undefined): void {
    const event = this.#known(id);
    if (!event) return;
    if (!event.wasSent) event.skip = skip;
    event.wasSent = true;
    event.waiting = undefined;
    this.#retries.sent(id);
  }

  /** There is no room for it here: held for the next connection. */
  hold(id: string): void {
    const event = this.#known(id);
    if (!event) return;
    event.waiting = undefined;
    this.#retries.hold(id);
  }

  /** One that another connection sent and nobody acknowledged goes again. */
  adopt(id: string, message: OutboundMessage, skip: FrameSkip | undefined, order: number): void {
    const event: PendingEvent = { id, message, order, skip, waiting: undefined, wasSent: true };
    this.#pending.set(id, event);
    this.#host.again(event);
  }

  /** The client has it; undefined if it was not waited for. */
  acknowledge(id: string): PendingEvent | undefined {
    const event = this.#pending.get(id);
    return event && !(event instanceof WaitingMessage) && event.wasSent ? this.#drop(event) : undefined;
  }

  [Symbol.dispose](): void {
    this.#retries[Symbol.dispose]();
  }

  #again(id: string): void {
    const event = this.#known(id);
    if (event && !event.waiting) this.#host.again(event);
  }

  #giveUp(id: string): void {
    const event = this.#known(id);
    if (event) this.#host.undelivered(this.#drop(event));
  }

  /** With a record of its own from now on. */
  #known(id: string): PendingEvent | undefined {
    const held = this.#pending.get(id);
    if (!(held instanceof WaitingMessage)) return held;
    const event = pendingOf(id, held);
    this.#pending.set(id, event);
    return event;
  }

  #drop(event: PendingEvent): PendingEvent {
    this.#pending.delete(event.id);
    this.#retries.drop(event.id);
    return event;
  }
}

function pendingOf(id: string, held: PendingEvent | WaitingMessage): PendingEvent {
  if (!(held instanceof WaitingMessage)) return held;
  return { id, message: held.message, order: held.order, skip: undefined, waiting: held, wasSent: false };
}
