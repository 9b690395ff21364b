import type { Priority } from '../../protocol/lab/priority.ts';

/**
 * NORMAL → BACKPRESSURE from the high watermark on, → EMERGENCY from the critical one on; EMERGENCY → BACKPRESSURE below the high
 * watermark, → NORMAL below the low one.
 */
export type DeliveryState = 'NORMAL' | 'BACKPRESSURE' | 'EMERGENCY';

/** Rows (messages without numbered rows count 1) not delivered as they came. */
export interface LossCounts {
  dropped: number;
  conflated: number;
  decimated: number;
}

/** What happened since the report before; at most one a second. */
export interface DropReport {
  state: DeliveryState;
  /** ns since 1970: begin of that state. */
  sinceNs: bigint;
  by_class: Partial<Record<Priority, LossCounts>>;
  /** By key; at most `maxReportedStreams`, the rest under `other`. */
  by_stream: Record<string, LossCounts>;
}

/** Where the rows of one key are. produced = delivered + conflated + decimated + dropped + queued + inFlight, always. */
export interface StreamLedger extends LossCounts {
  produced: number;
  delivered: number;
  queued: number;
  inFlight: number;
}

/** Of one connection, with the names of the VITAL backpressure metrics. */
export interface BackpressureStats {
  buffer: { size: number; utilization: number; high_watermark: number };
  performance: { sent_messages: number; dropped_messages: number; drop_rate: number; messages_per_second: number };
  state: { backpressure_active: boolean; emergency_mode: boolean; paused: boolean };
}

/** Of one connection, with the names of LabLink. */
export interface ConnectionStats {
  messages_queued: number;
  messages_sent: number;
  messages_dropped: number;
  queue_overflows: number;
  rate_limit_hits: number;
  queue_size: number;
  queue_size_by_priority: Record<Lowercase<Priority>, number>;
}
