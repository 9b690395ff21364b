import { z } from 'zod';
import { parseTolerantJson } from '../../protocol/lab/tolerant-json.ts';

const channels = z.array(z.string().max(256)).max(1000);

const request = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ping') }),
  z.object({ type: z.literal('pong') }),
  z.object({ type: z.literal('subscribe'), channels }),
  z.object({ type: z.literal('unsubscribe'), channels }),
  z.object({ type: z.literal('get_subscriptions') }),
  z.object({ type: z.literal('get_reconnection_token') }),
  z.object({ type: z.literal('get_stats') }),
  z.object({
    type: z.literal('broadcast'),
    channel: z.string().max(256),
    event_type: z.string().max(256).default('event'),
    data: z.unknown(),
  }),
  z.object({ type: z.literal('set_compression'), compression: z.enum(['none', 'gzip']) }),
  z.object({ type: z.literal('get_screenshot'), equipment_id: z.string().max(256) }),
]);
export type NeurographRequest = z.infer<typeof request>;

export type ParsedRequest = { request: NeurographRequest } | { type: string; fault: string };

/**
 * Judges a text of a client, in the words of NeuroGraph for what is wrong. A single `channel`, which its own page sends, is taken for a list of one.
 * `type` of a fault: what the message called itself, for the limits.
 */
export function parseNeurographRequest(text: string): ParsedRequest {
  let json: unknown;
  try {
    json = parseTolerantJson(text);
  } catch {
    return { type: '', fault: 'Invalid JSON format' };
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return { type: '', fault: 'Error processing message: it is no object' };
  const message = json as Record<string, unknown>;
  const type = typeof message.type === 'string' ? message.type.slice(0, 64) : 'unknown';
  if (typeof message.channel === 'string' && message.channels === undefined && type !== 'broadcast')
    message.channels = [message.channel];
  const judged = request.safeParse(message);
  if (judged.success) return { request: judged.data };
  const [issue] = judged.error.issues;
  if (issue?.path[0] === 'type') return { type, fault: `Unknown message type: ${type}` };
  if (issue?.path[0] === 'channels') return { type, fault: 'channels must be an array' };
  return { type, fault: `Error processing message: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim() };
}
