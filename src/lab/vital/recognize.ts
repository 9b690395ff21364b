import { vitalTextMessage } from '../../protocol/lab/vital-message.ts';
import type { ServerProbe } from '../dialect.ts';
import type { DialectName, LabServerOptions } from '../lab-server.ts';
import { vitalAddress } from './address.ts';

/** Kinds of text no other server begins with. */
const OWN = new Set(['ecg', 'version', 'alert', 'shutdown']);

/**
 * Whether a server is VITAL: its socket begins with a binary frame (nobody else's does), or with JSON only it has. One that waits for the client to begin is not
 * recognised: then the dialect has to be named. Throws server.unreachable, server.timeout.
 */
export async function recognizesVital(probe: ServerProbe, options: LabServerOptions): Promise<DialectName | undefined> {
  const { base, sockets } = vitalAddress(options.url);
  const start = base.replace(/^http/, 'ws').length;
  for (const socket of sockets.slice(0, 4)) {
    const { text, refusal } = await probe.greet(socket.slice(start), []);
    if (refusal !== undefined) continue;
    if (text === '') return 'vital';
    if (text === undefined) return undefined;
    try {
      const message = vitalTextMessage(JSON.parse(text));
      return message && OWN.has(message.kind) ? 'vital' : undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}
