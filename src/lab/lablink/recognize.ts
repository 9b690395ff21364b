import { parseLabLinkMessage } from '../../protocol/lab/lablink-message.ts';
import { apiRoot } from '../../protocol/lab/lablink-rest.ts';
import type { ServerProbe } from '../dialect.ts';
import type { DialectName, LabServerOptions } from '../lab-server.ts';

/**
 * Whether a server is LabLink: its `GET /api` says so, or its socket greets with the capabilities of the enhanced protocol. Which of the two sockets it has
 * shows with each connection anew. Throws server.unreachable, server.timeout.
 */
export async function recognizesLabLink(
  probe: ServerProbe,
  options: LabServerOptions,
): Promise<DialectName | undefined> {
  const { status, json } = await probe.get('/api');
  const root = apiRoot.safeParse(json);
  if (status === 200 && root.success && /lablink/i.test(root.data.name)) return 'lablink';
  const path = /^wss?:\/\/[^/]+(\/[^?#]+)/i.exec(options.url)?.[1] ?? '/ws';
  const greeting = await probe.greet(path, []);
  if (greeting.text === undefined) return undefined;
  try {
    const said: unknown = JSON.parse(greeting.text);
    const isForeign = typeof said === 'object' && said !== null && 'protocol' in said;
    return !isForeign && parseLabLinkMessage(said)?.type === 'capabilities' ? 'lablink-enhanced' : undefined;
  } catch {
    return undefined;
  }
}
