import { parseNeurographMessage } from '../../protocol/lab/neurograph-message.ts';
import type { ServerProbe } from '../dialect.ts';
import type { DialectName, LabServerOptions } from '../lab-server.ts';
import { neurographAddress } from './address.ts';

/**
 * Whether a server is NeuroGraph: `GET /api/v1/websocket/status` tells of its socket, or the socket greets with `connected` and a client id. Throws
 * server.unreachable, server.timeout.
 */
export async function recognizesNeurograph(
  probe: ServerProbe,
  options: LabServerOptions,
): Promise<DialectName | undefined> {
  const { status, json } = await probe.get('/api/v1/websocket/status');
  const socket = (json as { websocket?: { endpoint?: unknown } } | undefined)?.websocket;
  if (status === 200 && typeof socket?.endpoint === 'string') return 'neurograph';
  const { base, socket: url } = neurographAddress(options.url);
  const greeting = await probe.greet(url.slice(base.replace(/^http/, 'ws').length), []);
  if (greeting.text === undefined || greeting.protocol !== '') return undefined;
  try {
    const said: unknown = JSON.parse(greeting.text);
    // LabLink and labwire.1 begin with their capabilities; their `connected` knows sessions.
    const isForeign = typeof said === 'object' && said !== null && ('session' in said || 'resume' in said);
    return !isForeign && parseNeurographMessage(said)?.type === 'connected' ? 'neurograph' : undefined;
  } catch {
    return undefined;
  }
}
