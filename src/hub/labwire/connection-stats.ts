import type { Outbox } from '../delivery/outbox.ts';
import type { RequestStats } from '../delivery/request-buckets.ts';

/** What `get_stats` is made of. */
export interface StatsParts {
  id: string;
  openedNs: bigint;
  nowNs: bigint;
  outbox: Outbox;
  counts: { sent: number; received: number; bytesSent: number; bytesReceived: number };
  rateLimits: RequestStats;
  isCompressed: boolean;
}

/** Figures of one connection: `backpressure` and `connection` with the names of the documents (VITAL, LabLink). */
export function connectionStats({
  id,
  openedNs,
  nowNs,
  outbox,
  counts,
  rateLimits,
  isCompressed,
}: StatsParts): Record<string, unknown> {
  const { windowBytes, inFlightBytes, goodputBytesPerS, shortestRoundTripMs, queueAgeMs, unackedEvents } =
    outbox.details();
  return {
    client_id: id,
    uptime_s: Number(nowNs - openedNs) / 1e9,
    messages: { sent: counts.sent, received: counts.received },
    bytes: { sent: counts.bytesSent, received: counts.bytesReceived },
    connection: outbox.connectionStats(),
    backpressure: outbox.stats(),
    compression: { enabled: isCompressed },
    window: {
      bytes: windowBytes,
      in_flight: inFlightBytes,
      goodput_bytes_per_s: goodputBytesPerS ?? null,
      round_trip_ms: shortestRoundTripMs ?? null,
      queue_age_ms: queueAgeMs,
      unacked_events: unackedEvents,
    },
    streams: Object.fromEntries(outbox.ledgers()),
    rate_limits: rateLimits,
  };
}
