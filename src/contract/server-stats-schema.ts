import { z } from 'zod';
import { timeNs } from './value-schema.ts';

const figure = z.number().nullable();
const flag = z.boolean().nullable();
const word = z.string().nullable();

/** What a server counts of its own sending, by the names of its `get_stats`; null: it does not say. */
export const serverStats = z.object({
  /** When it answered. */
  t: timeNs,
  compression: z.object({
    current_level: figure,
    messages_processed: figure,
    /** Saved, %. */
    average_compression_ratio: figure,
    average_latency_ms: figure,
    space_saved_mb: figure,
  }),
  buffer: z.object({
    /** Messages that wait. */
    size: figure,
    /** 0…1. */
    utilization: figure,
    high_watermark: figure,
  }),
  performance: z.object({
    sent_messages: figure,
    dropped_messages: figure,
    /** 0…1. */
    drop_rate: figure,
    messages_per_second: figure,
  }),
  state: z.object({ backpressure_active: flag, emergency_mode: flag, paused: flag }),
  adaptive: z.object({
    current_level: figure,
    network_condition: word,
    data_pattern: word,
    adaptation_count: figure,
    performance: z.object({ latency_ms: figure, compression_ratio: figure, throughput_mbps: figure }),
  }),
  /** What else it counts, by its own names. */
  others: z.array(z.object({ name: z.string(), value: z.number() })).max(40),
});
export type ServerStats = z.infer<typeof serverStats>;

/** The last ten minutes by the second, or the last day by the minute. */
export const trendSpan = z.enum(['minutes', 'day']);
export type TrendSpan = z.infer<typeof trendSpan>;

const column = z.array(figure).max(1500);

/** How a server did over time, measured here; a point stands at the end of its step. Null: nothing to measure came then. */
export const serverTrend = z.object({
  stepS: z.number(),
  /** ms since 1970. */
  t: z.array(z.number()).max(1500),
  /** Rows that did not come, 0…1 of all. */
  lost: column,
  /** Of the latest stream, ms. */
  latencyMs: column,
  /** Saved by compression, 0…1. */
  saved: column,
  bytesPerS: column,
});
export type ServerTrend = z.infer<typeof serverTrend>;

/** How one codec does on an electrocardiogram of twelve leads, on this machine. */
export const codecResult = z.object({
  codec: z.string(),
  iterations: z.int(),
  /** The message as plain JSON, and as it would go over the wire. */
  plainBytes: z.int(),
  wireBytes: z.int(),
  compressMs: z.number(),
  decompressMs: z.number(),
  /** % of the plain bytes. */
  savedPercent: z.number(),
  /** Plain bits through both ways, Mbit/s. */
  throughputMbps: z.number(),
});
export type CodecResult = z.infer<typeof codecResult>;
