import { z } from 'zod';
import { SKIP_REASONS } from './labwire-frame.ts';

/*
 * What a labwire.1 server says in text. Unknown fields are ignored, unknown types are no error. Row numbers (`seq`, `from`, `to`) are those of rows and
 * both ends of a range belong to it. Times `t` are µs since 1970.
 */
const rowNumber = z.int().nonnegative();
const text = z.string().max(4096);
const name = z.string().min(1).max(512);
/** µs; what no clock says is none. */
const micros = z.number().min(-9e15).max(9e15);
const value = z
  .union([z.number(), z.nan(), z.literal(Number.POSITIVE_INFINITY), z.literal(Number.NEGATIVE_INFINITY)])
  .nullable();

/** Columns of a stream, as parallel lists. `dt`: s from row to row, 0 or absent: timed. */
const streamSchema = z.object({
  channels: z.array(name).max(4096),
  units: z.array(z.string().max(64)).max(4096).optional(),
  dtype: z.enum(['f32', 'f64']).catch('f64').optional(),
  /** A scale and an offset for each column on an integer grid; null: the column is on none. */
  scale: z.array(z.number().nullable()).max(4096).optional(),
  offset: z.array(z.number().nullable()).max(4096).optional(),
  dt: z.number().nonnegative().optional(),
});
export type LabwireStreamSchema = z.infer<typeof streamSchema>;

const skipped = z.object({ n: rowNumber, reason: z.enum(SKIP_REASONS).catch('unknown') });
const range = z.object({ from: rowNumber, to: rowNumber, reason: text.catch('').default('') });

const resumed = z.object({
  key: name,
  handle: z.int().nonnegative(),
  epoch: z.int(),
  /** Next row number: what follows live begins there or is skipped to. */
  seq: rowNumber.optional(),
  result: z.enum(['replayed', 'snapshot', 'partial', 'lost']),
  from: rowNumber.optional(),
  to: rowNumber.optional(),
  n: rowNumber.optional(),
});
export type ResumedStream = z.infer<typeof resumed>;

const enabled = z.object({ enabled: z.boolean() });

const capabilities = z.object({
  type: z.literal('capabilities'),
  protocol: z.object({ name: z.string(), versions: z.array(z.int()) }).optional(),
  server: z
    .object({ id: text.optional(), name: text.optional(), version: text.optional(), instance: text.optional() })
    .default({}),
  clock: z.object({ id: text.optional(), t: micros.optional() }).optional(),
  features: z
    .object({
      compression: enabled.extend({ types: z.array(text).default([]), codecs: z.array(text).default([]) }).optional(),
      priorities: enabled.extend({ levels: z.array(text).default([]) }).optional(),
      recording: enabled.extend({ formats: z.array(text).default([]) }).optional(),
      backpressure: enabled
        .extend({ ack_window: z.object({ min: z.number().positive(), max: z.number().positive() }).optional() })
        .optional(),
      resume: enabled.extend({ ttl: z.number().default(300) }).optional(),
      history: enabled.optional(),
      transfers: enabled.extend({ what: z.array(text).default([]) }).optional(),
      channels: z
        .array(z.object({ name, can_subscribe: z.boolean().default(true), can_broadcast: z.boolean().default(false) }))
        .max(1000)
        .catch([])
        .optional(),
      heartbeat: z.object({ interval: z.number().positive(), timeout: z.number().positive() }).optional(),
      limits: z
        .object({ max_message: z.number().positive().optional(), max_streams: z.number().optional() })
        .optional(),
    })
    .default({}),
});
export type LabwireCapabilities = z.infer<typeof capabilities>;

const connected = z.object({
  type: z.literal('connected'),
  client_id: text.optional(),
  user_id: text.nullish(),
  role: text.default('anonymous'),
  reconnected: z.boolean().default(false),
  /** Why a resume was refused: expired, used, unknown, instance_changed, user_mismatch, revoked. */
  reason: text.optional(),
  resume: z.object({ token: text, expires_in: z.number() }).nullish(),
  session: text.optional(),
  streams: z.array(resumed).max(10_000).default([]),
});
export type LabwireConnected = z.infer<typeof connected>;

const started = z.object({
  type: z.literal('stream_started'),
  re: z.union([z.string(), z.number()]).optional(),
  equipment_id: name,
  stream_type: name,
  interval_ms: z.number().optional(),
  key: name,
  handle: z.int().nonnegative(),
  epoch: z.int(),
  /** Next row number. */
  seq: rowNumber.optional(),
  schema: streamSchema,
});
export type LabwireStarted = z.infer<typeof started>;

const data = z.object({
  type: z.literal('stream_data'),
  key: name,
  ep: z.int(),
  seq: rowNumber,
  t: micros,
  /** Values in the order of the columns, or by their names; null: missing. NaN and infinities are taken as they come. */
  data: z.union([z.array(value).max(4096), z.record(z.string(), value)]),
  /** `overload` or `-overload` of columns by name. */
  state: z.record(z.string(), z.string()).optional(),
  replay: z.boolean().optional(),
  skipped: skipped.optional(),
});
export type LabwireData = z.infer<typeof data>;

const severity = z.enum(['info', 'warning', 'error', 'critical']).catch('warning');
const alarm = z.object({
  event_id: text,
  state: z.enum(['active', 'acknowledged', 'cleared']).catch('active'),
  severity: severity.default('warning'),
  equipment_id: text.nullish(),
  message: text.default(''),
});
export type LabwireAlarm = z.infer<typeof alarm>;

/** Of a recording of messages that was stopped. `filepath`: name of its newest file. */
const recordingStats = z.object({
  filepath: text.default(''),
  duration_seconds: z.number().nonnegative().default(0),
  message_count: z.number().nonnegative().default(0),
  bytes_written: z.number().nonnegative().default(0),
});
export type LabwireRecordingStats = z.infer<typeof recordingStats>;

/** `recording` of the statistics: absent for who may not know. */
const running = z.object({
  recording: z.object({ sessions: z.record(text, recordingStats) }).optional(),
});

const re = z.union([z.string(), z.number()]).optional();

/** A transfer begins or goes on: CHUNK frames of this handle follow, from byte `offset` on. */
const transferStarted = z.object({
  type: z.literal('transfer_started'),
  re,
  transfer: name,
  handle: z.int().nonnegative(),
  offset: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  media_type: text.default('application/octet-stream'),
  name: text.default(''),
  about: z.record(z.string(), z.unknown()).default({}),
});
export type LabwireTransfer = z.infer<typeof transferStarted>;

const message = z.discriminatedUnion('type', [
  capabilities,
  connected,
  started,
  data,
  z.object({ type: z.literal('disconnected'), reason: text.default(''), reconnection_token: text.optional() }),
  z.object({ type: z.literal('stream_stopped'), re, key: name, reason: text.default('') }),
  z.object({
    type: z.literal('stream_reset'),
    key: name,
    epoch: z.int(),
    seq: rowNumber.optional(),
    schema: streamSchema.optional(),
  }),
  z.object({ type: z.literal('gap'), key: name, epoch: z.int(), ...range.shape }),
  z.object({
    type: z.literal('drop_report'),
    state: text.default(''),
    by_stream: z
      .record(
        z.string(),
        z.object({
          dropped: z.number().default(0),
          conflated: z.number().default(0),
          decimated: z.number().default(0),
        }),
      )
      .default({}),
  }),
  z.object({
    type: z.literal('rate_changed'),
    key: name,
    interval_ms: z.number().positive(),
    reason: text.default(''),
  }),
  z.object({ type: z.literal('heartbeat'), t: micros.optional(), active_streams: z.number().optional() }),
  z.object({ type: z.literal('ping'), id: z.union([z.string(), z.number()]).optional(), t0: micros.optional() }),
  z.object({
    type: z.literal('pong'),
    id: z.union([z.string(), z.number()]),
    t0: micros,
    t1: micros,
    t2: micros,
  }),
  z.object({
    type: z.literal('error'),
    re,
    code: text.default(''),
    message: text.default(''),
    recoverable: z.boolean().default(true),
    retry_after: z.number().nonnegative().optional(),
  }),
  z.object({
    type: z.literal('reconnect'),
    reason: text.default(''),
    retry_after: z.number().nonnegative().default(0),
  }),
  z.object({ type: z.literal('permissions_changed'), role: text.default('') }),
  z.object({ type: z.literal('reconnection_token'), re, token: text, expires_in: z.number().default(300) }),
  z.object({
    type: z.literal('event'),
    channel: text,
    event_type: text.default(''),
    /** Of the channel's events: acknowledged and told apart by (ep, seq). */
    ep: z.int().optional(),
    seq: rowNumber.optional(),
    id: text.optional(),
    t: micros.optional(),
    data: z.unknown().optional(),
  }),
  z.object({ type: z.literal('subscribed'), re, channels: z.array(text), denied: z.array(text).default([]) }),
  z.object({
    type: z.literal('history'),
    re,
    key: name,
    epoch: z.int(),
    /** Rows sent before this answer, flagged as replay. */
    n: rowNumber.default(0),
    /** What the server has not. */
    missing: z.array(range).max(10_000).default([]),
  }),
  z.object({
    type: z.literal('command_result'),
    re,
    success: z.boolean(),
    data: z.unknown().optional(),
    error: text.nullish(),
    code: text.optional(),
  }),
  // Its groups are read by `parseSocketFigures`.
  z.looseObject({ type: z.literal('stats'), re }),
  transferStarted,
  z.object({
    type: z.literal('transfer_stopped'),
    re,
    transfer: name,
    offset: z.int().nonnegative().default(0),
    reason: text.default(''),
    code: text.optional(),
  }),
  z.object({
    type: z.literal('recording_started'),
    re,
    session_id: name,
    format: text.optional(),
    filepath: text.default(''),
  }),
  z.object({ type: z.literal('recording_stopped'), re, session_id: name, stats: recordingStats }),
  z.object({ type: z.literal('auth_refreshed'), re, expires_in: z.number().optional() }),
  z.object({ type: z.literal('undelivered'), ids: z.array(text).default([]), n: z.number().optional() }),
]);
export type LabwireMessage = z.infer<typeof message>;

/** Types that are no error and say nothing this client needs. */
const QUIET = new Set([
  'compression_set',
  'priority_set',
  'unsubscribed',
  'subscriptions',
  'bye',
  // Their rows come as streams.
  'acquisition_stream',
  'acquisition_stream_started',
  'acquisition_stream_stopped',
]);

export type ParsedMessage =
  | { kind: 'message'; message: LabwireMessage }
  | { kind: 'quiet' | 'unknown'; type: string }
  | { kind: 'malformed'; why: string };

/** Judges a JSON value of the server. Never throws. */
export function parseLabwireMessage(json: unknown): ParsedMessage {
  if (typeof json !== 'object' || json === null || !('type' in json) || typeof json.type !== 'string')
    return { kind: 'malformed', why: 'it is no object with a type' };
  const { type } = json;
  const judged = message.safeParse(json);
  if (judged.success) return { kind: 'message', message: judged.data };
  const issue = judged.error.issues[0];
  if (issue?.code === 'invalid_union' && issue.path.length === 1 && issue.path[0] === 'type')
    return { kind: QUIET.has(type) ? 'quiet' : 'unknown', type: type.slice(0, 64) };
  return {
    kind: 'malformed',
    why: `${type.slice(0, 64)}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.slice(0, 200),
  };
}

/** An alarm in the data of an event of channel `alarms`; undefined if it is none. */
export function parseLabwireAlarm(json: unknown): LabwireAlarm | undefined {
  return alarm.safeParse(json).data;
}

/** Recordings that run, in an answer of the statistics; undefined where it names none to this login. */
export function parseRunningRecordings(json: unknown): { name: string; stats: LabwireRecordingStats }[] | undefined {
  const sessions = running.safeParse(json).data?.recording?.sessions;
  return sessions && Object.entries(sessions).map(([name, stats]) => ({ name, stats }));
}
