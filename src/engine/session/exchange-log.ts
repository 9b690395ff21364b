import type { Clock } from '../../core/clock.ts';
import { ExchangeTrace, showBytes } from './exchange-trace.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { TimedWireReply } from './reply-wire.ts';
import type { SessionStats } from './session.ts';
import type { SessionLimits } from './session-options.ts';

/** What a session counts and shows of its exchanges. */
export class ExchangeLog {
  readonly stats: SessionStats = {
    queries: 0,
    timeouts: 0,
    lateBytes: 0,
    reopened: 0,
    retries: 0,
    bytesOut: 0,
    bytesIn: 0,
    lastRoundTripMs: 0,
    latency: new LatencyHistogram(),
  };
  readonly trace: ExchangeTrace;
  readonly #clock: Clock;
  readonly #limits: SessionLimits;
  #lastSentMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, limits: SessionLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.trace = new ExchangeTrace(clock, limits.maxTrace);
  }

  /** How long the next message must wait for the pace of the device, ms; not above 0: not at all. */
  get paceLeftMs(): number {
    const { paceMs } = this.#limits;
    return paceMs === 0 ? 0 : this.#lastSentMs + paceMs - this.#clock.monotonicMs();
  }

  /** From now on the pace counts: what was sent before was not looked at. */
  startPace(): void {
    this.#lastSentMs = this.#clock.monotonicMs();
  }

  sent(text: string, sizeBytes: number, atNs: bigint): void {
    this.stats.bytesOut += sizeBytes;
    if (this.#limits.paceMs > 0) this.startPace();
    this.trace.add('sent', text, sizeBytes, atNs);
  }

  received(sizeBytes: number): void {
    this.stats.bytesIn += sizeBytes;
  }

  /** `isLate`: its caller has gone. */
  answered(reply: TimedWireReply, isLate: boolean): void {
    const { text, block, sizeBytes, receivedNs, roundTripMs } = reply;
    this.stats.lastRoundTripMs = roundTripMs;
    this.stats.latency.add(roundTripMs);
    if (isLate) this.stats.lateBytes += sizeBytes;
    const shown = block ? `${text.slice(0, 11)}… (${block.length} bytes)` : text;
    this.trace.add(isLate ? 'late' : 'received', shown, sizeBytes, receivedNs, roundTripMs);
  }

  late(bytes: Uint8Array): void {
    this.stats.lateBytes += bytes.length;
    this.trace.add('late', showBytes(bytes), bytes.length);
  }

  note(text: string): void {
    this.trace.add('note', text, 0);
  }
}
