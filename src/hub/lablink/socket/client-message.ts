import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import { parsePriority } from '../../../protocol/lab/priority.ts';
import { SOCKET_COMPRESSIONS } from '../../ws-settings.ts';

/** Of a stream; ms. */
export const MIN_INTERVAL_MS = 10;
export const MAX_INTERVAL_MS = 3_600_000;
/** Rows of an acquisition in one message. */
const MAX_WINDOW = 10_000;

export const STREAM_TYPES = ['readings', 'waveform', 'measurements'] as const;

const name = z.string().min(1).max(200);
const intervalMs = z.number().min(MIN_INTERVAL_MS).max(MAX_INTERVAL_MS).default(100);
const compression = z.enum(SOCKET_COMPRESSIONS);
/** Four levels, in any case. */
const priority = z.string().transform((word, context) => {
  const level = parsePriority(word);
  if (level !== undefined && level !== 'BULK') return level;
  context.addIssue('one of low, normal, high, critical');
  return z.NEVER;
});
const extras = { priority: priority.optional(), compression: compression.optional() };
const stream = {
  equipment_id: name,
  stream_type: z.enum(STREAM_TYPES).default('readings'),
  channel: z.int().min(1).max(64).default(1),
};

const clientMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ping') }),
  z.object({ type: z.literal('start_stream'), ...stream, interval_ms: intervalMs, ...extras }),
  z.object({ type: z.literal('stop_stream'), ...stream }),
  z.object({
    type: z.literal('start_acquisition_stream'),
    acquisition_id: name,
    interval_ms: intervalMs,
    num_samples: z.int().min(1).max(MAX_WINDOW).default(100),
    ...extras,
  }),
  z.object({ type: z.literal('stop_acquisition_stream'), acquisition_id: name }),
  z.object({ type: z.literal('set_compression'), compression }),
  z.object({ type: z.literal('set_priority'), priority }),
  z.object({
    type: z.literal('start_recording'),
    session_id: name.optional(),
    metadata: z.record(z.string().max(100), z.unknown()).default({}),
  }),
  z.object({ type: z.literal('stop_recording'), session_id: name.optional() }),
  z.object({ type: z.literal('get_stats') }),
]);

/** What a LabLink client may say on its socket, basic or enhanced. `channel` is ours: the original streams channel 1 alone. */
export type ClientMessage = z.infer<typeof clientMessage>;
export type StartStream = Extract<ClientMessage, { type: 'start_stream' }>;

const TYPES = clientMessage.options.map((option) => option.shape.type.value);

/** Of the limits for requests: each of these has a bucket of its own. */
export const CLIENT_TYPES: ReadonlySet<string> = new Set(TYPES);

/** Reads one message. Throws hub.malformed saying what does not fit; the connection stays. */
export function parseClientMessage(text: string): ClientMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed('Invalid JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed('A message is a JSON object with a type');
  const { type } = value as { type?: unknown };
  if (typeof type !== 'string' || !CLIENT_TYPES.has(type))
    throw malformed(`Unknown message type: ${String(type).slice(0, 100)}. There are: ${TYPES.join(', ')}`);
  const parsed = clientMessage.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw malformed(`${type}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'does not fit'}`);
}

/** Type of a message for the limits, before anything else is looked at. */
export function typeOf(text: string): string {
  return /"type"\s*:\s*"([a-z_]{1,40})"/.exec(text.slice(0, 4096))?.[1] ?? '';
}

function malformed(text: string): LabError {
  return new LabError('hub.malformed', text);
}
