import type { Outbox } from '../delivery/outbox.ts';
import type { RequestStats } from '../delivery/request-buckets.ts';
import type { DeflateLevel } from '../server/deflate-level.ts';
import type { FrameCompressor } from './frame-compressor.ts';

/** What `get_stats` is made of. */
export interface StatsParts {
  id: string;
  openedNs: bigint;
  nowNs: bigint;
  outbox: Outbox;
  counts: { sent: number; received: number; bytesSent: number; bytesReceived: number };
  rateLimits: RequestStats;
  compressor: FrameCompressor;
  deflate: DeflateLevel;
}

/** Figures of one connection under the names of the documents: VITAL’s groups, and LabLink’s `connection`. */
export function connectionStats({
  id,
  openedNs,
  nowNs,
  outbox,
  counts,
  rateLimits,
  compressor,
  deflate,
}: StatsParts): Record<string, unknown> {
  const { windowBytes, inFlightBytes, goodputBytesPerS, shortestRoundTripMs, queueAgeMs, unackedEvents } =
    outbox.details();
  return {
    client_id: id,
    uptime_s: Number(nowNs - openedNs) / 1e9,
    messages: { sent: counts.sent, received: counts.received },
    bytes: { sent: counts.bytesSent, received: counts.bytesReceived },
    connection: outbox.connectionStats(),
    ...outbox.stats(),
    ...compressor.stats(),
    permessage_deflate: { level: deflate.level ?? null },
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
