import { z } from 'zod';

const text = z.string().max(4096);
const name = z.string().max(256);
const names = z.array(name).max(1000);
const stamp = z.object({ timestamp: text.optional() });

const connected = stamp.extend({
  type: z.literal('connected'),
  client_id: name,
  user_id: name.nullish(),
  reconnected: z.boolean().default(false),
});
const pong = stamp.extend({ type: z.literal('pong') });
const ping = stamp.extend({ type: z.literal('ping') });
const subscribed = stamp.extend({
  type: z.literal('subscribed'),
  channels: names,
  denied: names.default([]),
  message: text.optional(),
});
const unsubscribed = stamp.extend({ type: z.literal('unsubscribed'), channels: names });
const subscriptions = stamp.extend({ type: z.literal('subscriptions'), channels: names });
const token = stamp.extend({
  type: z.literal('reconnection_token'),
  token: name,
  expires_in: z.number().nonnegative().default(300),
});
/** Promised by the seed, never sent by the server: the socket is gone. Taken all the same. */
const disconnected = stamp.extend({
  type: z.literal('disconnected'),
  reconnection_token: name.optional(),
  expires_in: z.number().nonnegative().default(300),
});
const error = stamp.extend({
  type: z.literal('error'),
  message: text.default(''),
  retry_after: z.number().nonnegative().optional(),
});

const control = z.discriminatedUnion('type', [
  connected,
  pong,
  ping,
  subscribed,
  unsubscribed,
  subscriptions,
  token,
  disconnected,
  error,
]);

/** Events of channels have no `type`. `data` of a broadcast may be anything. */
const event = z.object({
  channel: name,
  timestamp: text.optional(),
  event_type: name.default('event'),
  data: z.unknown(),
});

export type NeurographControl = z.infer<typeof control>;
export interface NeurographEvent {
  type: 'event';
  channel: string;
  /** Naive UTC as sent; '' if none. */
  timestamp: string;
  eventType: string;
  data: unknown;
}
export type NeurographMessage = NeurographControl | NeurographEvent;

/** One message of a NeuroGraph server from its JSON; undefined for what is none. Never throws. */
export function parseNeurographMessage(value: unknown): NeurographMessage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const type = (value as { type?: unknown }).type;
  if (type !== undefined && type !== 'event') return control.safeParse(value).data;
  const found = event.safeParse(value).data;
  if (!found) return undefined;
  return {
    type: 'event',
    channel: found.channel,
    timestamp: found.timestamp ?? '',
    eventType: found.event_type,
    data: found.data,
  };
}

/** `data` of a `system_metrics` event: its numbers by name; null (never measured) is NaN. */
export function metricsOf(data: unknown): Map<string, number> {
  const numbers = new Map<string, number>();
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return numbers;
  for (const [key, value] of Object.entries(data)) {
    if (numbers.size >= 256) break;
    if (typeof value === 'number') numbers.set(key, value);
    else if (value === null) numbers.set(key, Number.NaN);
  }
  return numbers;
}
