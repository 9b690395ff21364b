import { LATENCY_EDGES_MS } from '../session/latency-histogram.ts';
import type { SessionStats } from '../session/session.ts';

/** Counters over all connections of an instrument. */
export interface Totals {
  sinceNs: bigint;
  queries: number;
  timeouts: number;
  retries: number;
  reopened: number;
  lateBytes: number;
  bytesIn: number;
  bytesOut: number;
  /** Round trips by the buckets of LATENCY_EDGES_MS. */
  latency: number[];
}

const COUNTERS = ['queries', 'timeouts', 'retries', 'reopened', 'lateBytes', 'bytesIn', 'bytesOut'] as const;

/** Adds up the sessions of one instrument; each connection opened after the first counts as opened again. */
export class SessionTotals {
  #sum: Totals;
  /** The one added last: its counters are in the sum. */
  #last: SessionStats | undefined;

  constructor(sinceNs: bigint) {
    this.#sum = {
      sinceNs,
      queries: 0,
      timeouts: 0,
      retries: 0,
      reopened: 0,
      lateBytes: 0,
      bytesIn: 0,
      bytesOut: 0,
      latency: LATENCY_EDGES_MS.map(() => 0),
    };
  }

  /** A session that has ended. */
  add(stats: SessionStats): void {
    this.#sum = this.with(stats);
    this.#sum.reopened++;
    this.#last = stats;
  }

  /** Together with the session there is, if it is not the one that has ended. */
  with(stats: SessionStats): Totals {
    if (stats === this.#last) return this.#sum;
    const sum = { ...this.#sum };
    for (const counter of COUNTERS) sum[counter] += stats[counter];
    const { counts } = stats.latency;
    sum.latency = sum.latency.map((count, index) => count + (counts[index] ?? 0));
    return sum;
  }
}
