import type { Clock } from '../../core/clock.ts';

const WINDOW_MS = 1_000;

/** Counts what comes over the connections of a link. */
export class LinkTraffic {
  messages = 0;
  /** As they came over the wire, where that is known. */
  wireBytes = 0;
  /** Of the messages, after permessage-deflate. */
  bytes = 0;
  /** Connections that became ready. */
  connections = 0;
  roundTripMs = Number.NaN;
  readonly #clock: Clock;
  #windowMs: number;
  #windowBytes = 0;
  #rate = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#windowMs = clock.monotonicMs();
  }

  count(bytes: number, wireBytes: number): void {
    this.#turn();
    this.messages++;
    this.bytes += bytes;
    this.wireBytes += wireBytes;
    this.#windowBytes += wireBytes;
  }

  /** Bytes on the wire each second, over the last second that is over. */
  get bytesPerS(): number {
    this.#turn();
    return this.#rate;
  }

  #turn(): void {
    const now = this.#clock.monotonicMs();
    const passed = now - this.#windowMs;
    if (passed < WINDOW_MS) return;
    this.#rate = passed < 2 * WINDOW_MS ? (this.#windowBytes * 1000) / passed : 0;
    this.#windowMs = now;
    this.#windowBytes = 0;
  }
}
