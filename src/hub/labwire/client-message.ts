import { z } from 'zod';
import { MESSAGE_FORMATS } from '../../contract/lablink-settings.ts';
import { FRAME_CODECS } from '../../protocol/lab/labwire-frame.ts';
import { PRIORITIES, type Priority } from '../../protocol/lab/priority.ts';
import { COMPRESSION_KINDS } from '../compression/compression-rule.ts';
import { MAX_INTERVAL_MS } from './stream-form.ts';

/** The newest rows of an acquisition come no more often; ms. */
const MIN_WINDOW_MS = 100;

/* What a labwire.1 client says. Unknown fields are ignored; both ends of a range of rows belong to it. */
const requestId = z.union([z.string().max(200), z.number()]);
const id = requestId.optional();
const name = z.string().min(1).max(512);
const word = z.string().max(200);
const rowNumber = z.int().nonnegative();
const micros = z.number().min(-9e15).max(9e15);
const priority = z
  .string()
  .max(20)
  .transform((text) => text.toUpperCase())
  .pipe(z.enum(PRIORITIES));
const interval = z.number().min(0).max(MAX_INTERVAL_MS);

const wantedStream = z.object({
  equipment_id: name,
  stream_type: name,
  /** 0 or absent: as it comes. */
  interval_ms: interval.default(0),
  priority: priority.catch('NORMAL').default('NORMAL'),
  /** `latest`: only the newest value, never behind older ones. */
  delivery: z.enum(['stream', 'latest']).catch('stream').default('stream'),
  /** Rows older than that when their turn comes are left out. */
  max_age_ms: z.number().positive().max(MAX_INTERVAL_MS).optional().catch(undefined),
});
export interface WantedStream {
  equipment_id: string;
  stream_type: string;
  interval_ms: number;
  priority: Priority;
  delivery: 'stream' | 'latest';
  max_age_ms?: number | undefined;
}

const wantedAcquisition = z.object({
  acquisition_id: name,
  interval_ms: z.number().min(MIN_WINDOW_MS).max(MAX_INTERVAL_MS).default(1000),
  /** Newest rows in each message. */
  num_samples: z.int().min(1).max(10_000).default(100),
  priority: priority.catch('NORMAL').default('NORMAL'),
  max_age_ms: z.number().positive().max(MAX_INTERVAL_MS).optional().catch(undefined),
});
export type WantedAcquisition = z.output<typeof wantedAcquisition>;

const wantedTransfer = z.discriminatedUnion('what', [
  /** A picture of the screen of an instrument. */
  z.object({ what: z.literal('screenshot'), equipment_id: name }),
  /** A waveform that is taken now; channels: none names the first. */
  z.object({ what: z.literal('waveform'), equipment_id: name, channels: z.array(name).max(8).default([]) }),
  /** A file of a recording of messages that was stopped; `part` from 1. */
  z.object({ what: z.literal('recording'), session_id: word.min(1), part: z.int().min(1).max(100_000).default(1) }),
]);
export type WantedTransfer = z.output<typeof wantedTransfer>;

const place = z.object({ key: name, epoch: z.int(), seq: rowNumber });
/** Where a client is in a stream: the last row it has. */
export type StreamPlace = z.infer<typeof place>;

const accept = z
  .object({
    binary: z.boolean().default(false),
    codecs: z.array(word).max(50).default([]),
    priorities: z.boolean().default(true),
    ack: z.boolean().default(false),
  })
  .transform(({ codecs, ...rest }) => ({
    ...rest,
    codecs: new Set(FRAME_CODECS.filter((codec) => codecs.includes(codec))),
  }));
export type Accept = z.output<typeof accept>;

export const hello = z.object({
  type: z.literal('hello'),
  id,
  version: z.int().default(1),
  client: z.object({ id: word.optional(), name: word.optional(), app: word.optional() }).default({}),
  auth: z.object({ token: z.string().max(8000).optional() }).optional(),
  accept: accept.default({ binary: false, codecs: new Set(), priorities: true, ack: false }),
  resume: z.object({ token: z.string().max(200), streams: z.array(place).max(1000).catch([]).default([]) }).optional(),
  desired: z
    .array(z.union([wantedStream, z.object({ channel: name }), wantedAcquisition]))
    .max(1000)
    .default([]),
  /** Hubs this client passes the bench on to, itself first. */
  via: z.array(z.string().min(1).max(100)).max(16).default([]),
});
export type Hello = z.output<typeof hello>;

const channels = z.union([z.array(name).max(100), name.transform((one) => [one])]);
const streamName = z.object({ equipment_id: name.optional(), stream_type: name.optional(), key: name.optional() });

export const clientMessage = z.discriminatedUnion('type', [
  wantedStream.extend({ type: z.literal('start_stream'), id }),
  streamName.extend({ type: z.literal('stop_stream'), id }),
  wantedAcquisition.extend({ type: z.literal('start_acquisition_stream'), id }),
  z.object({ type: z.literal('stop_acquisition_stream'), id, acquisition_id: name }),
  z.object({
    type: z.literal('start_recording'),
    id,
    session_id: word.min(1).optional(),
    format: z.enum(MESSAGE_FORMATS).optional(),
    metadata: z.record(z.string().max(100), z.unknown()).default({}),
  }),
  z.object({
    type: z.literal('start_transfer'),
    id,
    /** Something new; or `transfer`: one that goes on. */
    wanted: wantedTransfer.optional(),
    transfer: word.optional(),
    offset: z.int().nonnegative().default(0),
  }),
  z.object({ type: z.literal('stop_transfer'), id, transfer: word }),
  z.object({ type: z.literal('stop_recording'), id, session_id: word.min(1).optional() }),
  z.object({ type: z.literal('subscribe'), id, channels: channels.optional(), channel: name.optional() }),
  z.object({ type: z.literal('unsubscribe'), id, channels: channels.optional(), channel: name.optional() }),
  z.object({ type: z.literal('get_subscriptions'), id }),
  z.object({ type: z.literal('broadcast'), id, channel: name, event_type: word.default('message'), data: z.unknown() }),
  z.object({ type: z.literal('set_compression'), id, compression: z.enum(COMPRESSION_KINDS) }),
  streamName.extend({ type: z.literal('set_priority'), id, priority }),
  z.object({ type: z.literal('get_stats'), id }),
  z.object({ type: z.literal('get_reconnection_token'), id }),
  z.object({ type: z.literal('ping'), id, t0: micros.optional() }),
  z.object({ type: z.literal('pong'), id }),
  z.object({ type: z.literal('ack'), bytes: z.number().nonnegative() }),
  z.object({ type: z.literal('event_ack'), ids: z.array(word).max(10_000) }),
  z.object({ type: z.literal('history'), id, key: name, epoch: z.int(), from: rowNumber, to: rowNumber }),
  z.object({
    type: z.literal('command'),
    id,
    equipment_id: name.optional(),
    action: word,
    parameters: z.record(z.string(), z.unknown()).default({}),
    deadline_ms: z.number().positive().max(600_000).default(10_000),
    idem: z.string().min(1).max(200).optional(),
  }),
  z.object({ type: z.literal('auth_refresh'), id, token: z.string().min(1).max(8000) }),
  z.object({ type: z.literal('bye'), id }),
]);
export type ClientMessage = z.output<typeof clientMessage>;

/** Types with a limit of their own; what is not among them shares one. */
export const REQUEST_TYPES: ReadonlySet<string> = new Set(
  clientMessage.options.map(({ shape }) => shape.type.value as string),
);

/** Said for its own sake as often as need be: acknowledgements are what keeps a stream going. */
export const FREE_TYPES: ReadonlySet<string> = new Set(['ack', 'event_ack', 'pong']);

export type ParsedRequest =
  | { kind: 'message'; message: ClientMessage; type: string }
  | { kind: 'unknown' | 'malformed'; type: string; re: string | number | undefined; why: string };

/** Judges a text of a client. Never throws. */
export function parseRequest(text: string): ParsedRequest {
  const json = readJson(text);
  if (!json.ok) return { kind: 'malformed', type: '', re: undefined, why: json.why };
  const { type, id: said } = json.value;
  const re = requestId.safeParse(said).data;
  if (typeof type !== 'string') return { kind: 'malformed', type: '', re, why: 'A message needs a type.' };
  if (!REQUEST_TYPES.has(type)) return { kind: 'unknown', type, re, why: `Unknown message type: ${type.slice(0, 64)}` };
  const judged = clientMessage.safeParse(json.value);
  if (judged.success) return { kind: 'message', message: judged.data, type };
  return { kind: 'malformed', type, re, why: whyNot(judged.error) };
}

/** Judges the first text of a client. */
export function parseHello(text: string): { hello: Hello } | { re: string | number | undefined; why: string } {
  const json = readJson(text);
  if (!json.ok) return { re: undefined, why: json.why };
  const re = requestId.safeParse(json.value.id).data;
  if (json.value.type !== 'hello') return { re, why: 'The first message is hello.' };
  const judged = hello.safeParse(json.value);
  return judged.success ? { hello: judged.data } : { re, why: whyNot(judged.error) };
}

function readJson(text: string): { ok: true; value: Record<string, unknown> } | { ok: false; why: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, why: 'Invalid JSON format' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { ok: false, why: 'A message is a JSON object with a type.' };
  return { ok: true, value: value as Record<string, unknown> };
}

function whyNot(error: z.ZodError): string {
  const issue = error.issues[0];
  return `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'does not fit'}`.slice(0, 300);
}
