import { z } from 'zod';

/** A figure nobody says is null; so is one that is no number. */
const figure = z.number().nullable().catch(null);
const flag = z.boolean().nullable().catch(null);
const word = z.string().max(64).nullable().catch(null);

const compression = z.object({
  /** 1…9. */
  current_level: figure,
  messages_processed: figure,
  /** Saved, %. */
  average_compression_ratio: figure,
  average_latency_ms: figure,
  space_saved_mb: figure,
});

const buffer = z.object({
  /** Messages that wait. */
  size: figure,
  /** 0…1 of what may wait, and from where on the server holds back. */
  utilization: figure,
  high_watermark: figure,
});

const performance = z.object({
  sent_messages: figure,
  dropped_messages: figure,
  /** 0…1. */
  drop_rate: figure,
  messages_per_second: figure,
});

const state = z.object({ backpressure_active: flag, emergency_mode: flag, paused: flag });

const adaptive = z.object({
  current_level: figure,
  network_condition: word,
  data_pattern: word,
  adaptation_count: figure,
  /** Compression ratio: saved, %. */
  performance: z
    .object({ latency_ms: figure, compression_ratio: figure, throughput_mbps: figure })
    .catch({ latency_ms: null, compression_ratio: null, throughput_mbps: null }),
});

/** What a server counts of its own sending, by the names of `get_stats`. */
export interface SocketFigures {
  compression: z.infer<typeof compression>;
  buffer: z.infer<typeof buffer>;
  performance: z.infer<typeof performance>;
  state: z.infer<typeof state>;
  adaptive: z.infer<typeof adaptive>;
  /** What else it counts, by its own names. */
  others: { name: string; value: number }[];
}

const MOST_OTHERS = 40;
/** Counts of LabLink that stand under the names above. */
const MAPPED = new Set(['queue_size', 'messages_sent', 'messages_dropped', 'average_compression_ratio']);

/**
 * Reads the body of a `stats` message. A server of five priorities says the groups by their names; LabLink says `connection` and `global`, and what means the
 * same goes to the same place: its ratio is raw : wire and becomes what is saved, `queueLimit` makes the utilization. Undefined: none of it is there.
 */
export function parseSocketFigures(body: unknown, queueLimit?: number): SocketFigures | undefined {
  const said = objectOf(body);
  const connection = objectOf(said.connection);
  const global = objectOf(said.global);
  const ratio = numberOf(global.average_compression_ratio);
  const size = numberOf(connection.queue_size);
  const sent = numberOf(connection.messages_sent);
  const dropped = numberOf(connection.messages_dropped);
  const figures: SocketFigures = {
    compression: compression.parse({
      average_compression_ratio: ratio !== undefined && ratio > 0 ? (1 - 1 / ratio) * 100 : undefined,
      ...objectOf(said.compression),
    }),
    buffer: buffer.parse({
      size,
      utilization: size !== undefined && queueLimit !== undefined && queueLimit > 0 ? size / queueLimit : undefined,
      ...objectOf(said.buffer),
    }),
    performance: performance.parse({
      sent_messages: sent,
      dropped_messages: dropped,
      drop_rate: shareOf(dropped, sent),
      ...objectOf(said.performance),
    }),
    state: state.parse(objectOf(said.state)),
    adaptive: adaptive.parse(objectOf(said.adaptive)),
    others: [...numbersOf(connection, ''), ...numbersOf(global, '')].slice(0, MOST_OTHERS),
  };
  return isEmpty(figures) ? undefined : figures;
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function shareOf(part: number | undefined, rest: number | undefined): number | undefined {
  return part === undefined || rest === undefined || part + rest === 0 ? undefined : part / (part + rest);
}

/** Numbers one level down, too: `queue_size_by_priority.high`. */
function numbersOf(group: Record<string, unknown>, prefix: string): { name: string; value: number }[] {
  return Object.entries(group).flatMap(([key, value]) => {
    const name = `${prefix}${key}`.slice(0, 64);
    if (prefix === '' && MAPPED.has(key)) return [];
    const number = numberOf(value);
    if (number !== undefined) return [{ name, value: number }];
    return prefix === '' ? numbersOf(objectOf(value), `${key}.`) : [];
  });
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isEmpty);
  return value === null;
}
