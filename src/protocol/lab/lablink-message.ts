import { z } from 'zod';

/** Any number, NaN and Infinity included: the server writes them as bare tokens. */
export const anyNumber = z.custom<number>((value) => typeof value === 'number');

/** Python's None and a missing key mean the same. */
function maybe<T extends z.ZodType>(type: T) {
  return type.nullish().transform((value) => value ?? undefined);
}

const text = z.string().max(4096);
const maybeText = maybe(text);
const record = z.record(z.string(), z.unknown());
const streamOf = { equipment_id: maybeText, stream_type: text };

const acquisitionStats = z.looseObject({
  total_samples: maybe(anyNumber),
  start_time: maybeText,
  end_time: maybeText,
  actual_sample_rate: maybe(anyNumber),
  buffer_overruns: maybe(anyNumber),
});

/** Latest samples of an acquisition: successive windows overlap. A sample that is none is null or NaN. */
export const acquisitionWindow = z.looseObject({
  timestamps: z.array(text),
  values: z.record(z.string(), z.array(anyNumber.nullable())),
  count: maybe(anyNumber),
});

const alarmFields = {
  event_id: text,
  alarm_id: maybeText,
  alarm_name: maybeText,
  severity: maybeText,
  state: maybeText,
  equipment_id: maybeText,
  parameter: maybeText,
  message: maybeText,
};

const capabilities = z.looseObject({
  type: z.literal('capabilities'),
  features: z.looseObject({
    compression: maybe(z.looseObject({ enabled: maybe(z.boolean()), types: maybe(z.array(z.string())) })),
    priorities: maybe(z.looseObject({ enabled: maybe(z.boolean()), levels: maybe(z.array(z.string())) })),
    recording: maybe(z.looseObject({ enabled: maybe(z.boolean()), formats: maybe(z.array(z.string())) })),
    backpressure: maybe(
      z.looseObject({
        enabled: maybe(z.boolean()),
        max_queue_size: maybe(anyNumber),
        rate_limit: maybe(anyNumber),
      }),
    ),
  }),
});

const message = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('pong'), timestamp: maybeText }),
  z.looseObject({ type: z.literal('error'), detail: maybeText, error: maybeText }),
  z.looseObject({ type: z.literal('stream_started'), ...streamOf }),
  z.looseObject({ type: z.literal('stream_stopped'), ...streamOf }),
  z.looseObject({
    type: z.literal('stream_data'),
    equipment_id: text,
    stream_type: text,
    data: record,
    timestamp: maybeText,
  }),
  z.looseObject({ type: z.literal('acquisition_stream_started'), acquisition_id: text }),
  z.looseObject({ type: z.literal('acquisition_stream_stopped'), acquisition_id: text }),
  z.looseObject({
    type: z.literal('acquisition_stream'),
    acquisition_id: text,
    state: maybeText,
    stats: maybe(acquisitionStats),
    data: maybe(acquisitionWindow),
    timestamp: maybeText,
  }),
  z.looseObject({ type: z.literal('alarm'), ...alarmFields, triggered_at: maybeText }),
  z.looseObject({ type: z.literal('alarm_event'), data: z.looseObject({ ...alarmFields, timestamp: maybeText }) }),
  z.looseObject({
    type: z.literal('alarm_updated'),
    data: z.looseObject({
      event_id: text,
      state: maybeText,
      acknowledged_at: maybeText,
      acknowledged_by: maybeText,
    }),
  }),
  z.looseObject({ type: z.literal('alarm_cleared'), data: z.looseObject({ event_id: text }) }),
  z.looseObject({ type: z.literal('job_created'), data: record }),
  z.looseObject({ type: z.literal('job_updated'), data: record }),
  z.looseObject({ type: z.literal('job_deleted'), data: record }),
  z.looseObject({ type: z.literal('job_started'), data: record }),
  z.looseObject({ type: z.literal('job_completed'), data: record }),
  z.looseObject({ type: z.literal('job_failed'), data: record }),
  z.looseObject({
    type: z.literal('discovery_progress'),
    event_type: maybeText,
    data: record,
    timestamp: maybeText,
  }),
  capabilities,
  z.looseObject({ type: z.literal('compression_set'), compression: maybeText }),
  z.looseObject({ type: z.literal('priority_set'), priority: maybeText }),
  z.looseObject({ type: z.literal('stats'), connection: maybe(record), global: maybe(record) }),
  z.looseObject({ type: z.literal('recording_started'), session_id: text, filepath: maybeText }),
  z.looseObject({ type: z.literal('recording_stopped'), session_id: text, stats: maybe(record) }),
  // What POST /api/websocket/test/send puts on the socket.
  z.looseObject({ type: z.literal('test'), data: z.unknown() }),
]);

/** A message of a LabLink server, basic or enhanced. */
export type LabLinkMessage = z.infer<typeof message>;
export type LabLinkCapabilities = z.infer<typeof capabilities>;
export type AcquisitionWindow = z.infer<typeof acquisitionWindow>;

/** Judges a decoded message (lablink protocol, section 2); undefined for a type or shape that LabLink does not have. */
export function parseLabLinkMessage(value: unknown): LabLinkMessage | undefined {
  const result = message.safeParse(value);
  return result.success ? result.data : undefined;
}
