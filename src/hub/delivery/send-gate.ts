import type { Clock } from '../../core/clock.ts';
import type { DeliveryOptions } from './delivery-options.ts';
import { FlowWindow } from './flow-window.ts';
import { TokenBucket } from './token-bucket.ts';
import type { Rank } from './waiting-message.ts';
import type { Wire } from './wire.ts';

const CRITICAL = 0;
const LOW = 3;
/** Messages in flight, however small: what is kept about each takes room, too. */
const MOST_IN_FLIGHT = 20_000;

/** Why nothing of a class may go now; `rate`: again in `waitMs`. */
export type GateVerdict = { kind: 'open' } | { kind: 'rate'; waitMs: number } | { kind: 'window' };

const OPEN: GateVerdict = { kind: 'open' };
const WINDOW: GateVerdict = { kind: 'window' };

/** Whether something may go now: messages a second, and bytes under way. */
export class SendGate {
  readonly #clock: Clock;
  readonly #wire: Wire;
  readonly #options: () => DeliveryOptions;
  readonly flow: FlowWindow;
  #bucket: TokenBucket | undefined;
  #delayMs = 0;

  constructor(clock: Clock, wire: Wire, options: () => DeliveryOptions) {
    this.#clock = clock;
    this.#wire = wire;
    this.#options = options;
    this.flow = new FlowWindow(clock.monotonicMs());
    this.configure();
  }

  get windowBytes(): number {
    const { window, hasAcks, legacy } = this.#options();
    return hasAcks ? this.flow.limit(window) : legacy.maxBufferedBytes;
  }

  /** Largest message that does not keep an urgent one waiting for long. */
  get frameBytes(): number {
    return Math.max(1, Math.min(this.#options().maxFrameBytes, Math.floor(this.windowBytes / 4)));
  }

  /** A peer without acks whose round trips grew: something fills up on the way. */
  get isCongested(): boolean {
    const { hasAcks, legacy } = this.#options();
    return !hasAcks && this.#delayMs > legacy.maxQueueDelayMs;
  }

  /** Whether `bytes` of a class may go, `gathered` being about to. */
  ask(rank: Rank, bytes: number, gathered: number): GateVerdict {
    const now = this.#clock.monotonicMs();
    if (!this.#hasRoom(rank, bytes, gathered)) return WINDOW;
    if (rank === CRITICAL || !this.#bucket || this.#bucket.has(now)) return OPEN;
    return { kind: 'rate', waitMs: this.#bucket.waitMs(now) };
  }

  /** Whether a class waits until the way is free again. */
  isHeld(rank: Rank): boolean {
    return rank >= LOW && this.isCongested;
  }

  /** One message of a class goes: it takes its share of the rate. */
  pass(rank: Rank): void {
    if (rank !== CRITICAL) this.#bucket?.take(this.#clock.monotonicMs());
  }

  roundTrip(ms: number): void {
    this.flow.roundTrip(ms, this.#clock.monotonicMs());
    this.#delayMs = ms - (this.flow.shortestRoundTripMs ?? ms);
  }

  configure(): void {
    const { rate } = this.#options();
    if (!rate) this.#bucket = undefined;
    else if (this.#bucket) this.#bucket.change(rate.burst, rate.perS, this.#clock.monotonicMs());
    else this.#bucket = new TokenBucket(rate.burst, rate.perS, this.#clock.monotonicMs());
  }

  #hasRoom(rank: Rank, bytes: number, gathered: number): boolean {
    const { hasAcks, criticalExcessBytes } = this.#options();
    const flying = (hasAcks ? this.flow.inFlightBytes : this.#wire.bufferedBytes) + gathered;
    if (flying === 0) return true;
    if (rank === CRITICAL) return flying + bytes <= this.windowBytes + criticalExcessBytes;
    return flying + bytes <= this.windowBytes && this.flow.inFlight < MOST_IN_FLIGHT;
  }
}
