import type { Clock } from '../core/clock.ts';
import type { Heartbeats } from './lab-server.ts';

/** Counts what a server sends to show that it lives, over all its connections. */
export class HeartbeatCount {
  readonly #clock: Clock;
  #count = 0;
  #lastNs: bigint | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get seen(): Heartbeats {
    return { count: this.#count, lastNs: this.#lastNs };
  }

  beat(): void {
    this.#count++;
    this.#lastNs = this.#clock.nowNs();
  }
}
