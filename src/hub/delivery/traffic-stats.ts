import { PRIORITIES, type Priority } from '../../protocol/lab/priority.ts';
import type { DeliveryOptions } from './delivery-options.ts';
import type { BackpressureStats, ConnectionStats, DeliveryState } from './delivery-report.ts';
import type { LossBook } from './loss-book.ts';
import type { SendGate } from './send-gate.ts';
import type { SourceDesk } from './source-desk.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** Where the figures come from. */
export interface Measured {
  nowMs: number;
  options: DeliveryOptions;
  state: DeliveryState;
  utilization: number;
  isPaused: boolean;
  unackedEvents: number;
  room: WaitingRoom;
  sources: SourceDesk;
  book: LossBook;
  gate: SendGate;
}

/** What the level controller and the metrics ask for. */
export interface DeliveryDetails {
  windowBytes: number;
  inFlightBytes: number;
  /** Undefined until something was acknowledged while more waited. */
  goodputBytesPerS: number | undefined;
  shortestRoundTripMs: number | undefined;
  /** How long what is next in its class has waited, the longest; ms. */
  queueAgeMs: number;
  unackedEvents: number;
  /** Messages that waited longer than `starvationMs`, by class. */
  starved: Partial<Record<Priority, number>>;
}

/** `drop_rate`: part of the messages offered; rows of rings count as the messages they would have made. */
export function backpressureStats({
  nowMs,
  options,
  state,
  utilization,
  isPaused,
  room,
  sources,
  book,
}: Measured): BackpressureStats {
  const { sent, dropped } = book.counts;
  const all = sent + dropped;
  return {
    buffer: { size: room.messages + sources.frames, utilization, high_watermark: options.watermarks.high },
    performance: {
      sent_messages: sent,
      dropped_messages: dropped,
      drop_rate: all === 0 ? 0 : dropped / all,
      messages_per_second: book.sentPerS(nowMs),
    },
    state: {
      backpressure_active: state !== 'NORMAL',
      emergency_mode: state === 'EMERGENCY',
      paused: isPaused,
    },
  };
}

export function connectionStats({ room, sources, book }: Measured): ConnectionStats {
  const { counts } = book;
  const sizeOf = (priority: Priority): number => {
    const rank = PRIORITIES.indexOf(priority);
    return room.roomOf(rank).messages + sources.roomOf(rank).messages;
  };
  return {
    messages_queued: counts.queued,
    messages_sent: counts.sent,
    messages_dropped: counts.dropped,
    queue_overflows: counts.overflows,
    rate_limit_hits: counts.rateLimitHits,
    queue_size: room.messages + sources.frames,
    queue_size_by_priority: {
      critical: sizeOf('CRITICAL'),
      high: sizeOf('HIGH'),
      normal: sizeOf('NORMAL'),
      low: sizeOf('LOW'),
      bulk: sizeOf('BULK'),
    },
  };
}

export function deliveryDetails({ nowMs, room, book, gate, unackedEvents }: Measured): DeliveryDetails {
  let queueAgeMs = 0;
  for (let rank = 0; rank < PRIORITIES.length; rank++) {
    const since = room.turnsOf(rank).first?.sinceMs;
    if (since !== undefined) queueAgeMs = Math.max(queueAgeMs, nowMs - since);
  }
  return {
    windowBytes: gate.windowBytes,
    inFlightBytes: gate.flow.inFlightBytes,
    goodputBytesPerS: gate.flow.bytesPerS,
    shortestRoundTripMs: gate.flow.shortestRoundTripMs,
    queueAgeMs,
    unackedEvents,
    starved: book.starved,
  };
}
