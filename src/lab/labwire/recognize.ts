import type { ServerProbe } from '../dialect.ts';
import type { DialectName, LabServerOptions } from '../lab-server.ts';
import { labwireAddress } from './address.ts';

export const LABWIRE_SUBPROTOCOL = 'labwire.1';

/**
 * Whether the server chooses our subprotocol and greets in it: the choice alone says nothing, because some servers choose whatever is offered. Throws server.unreachable,
 * server.timeout.
 */
export async function recognizesLabwire(
  probe: ServerProbe,
  options: LabServerOptions,
): Promise<DialectName | undefined> {
  for (const socket of labwireAddress(options.url).sockets) {
    const greeting = await probe.greet(new URL(socket).pathname, [LABWIRE_SUBPROTOCOL]);
    if (greeting.protocol === LABWIRE_SUBPROTOCOL && isOurs(greeting.text)) return 'labwire.1';
    // 404: perhaps another path. Any other answer is that of a server that speaks something else there.
    if (greeting.refusal !== 404) return undefined;
  }
  return undefined;
}

/** The first message is `capabilities`, and names the protocol. */
function isOurs(text: string | undefined): boolean {
  if (text === undefined) return false;
  try {
    const said = JSON.parse(text) as { type?: unknown; protocol?: { name?: unknown } } | null;
    return said?.type === 'capabilities' && said.protocol?.name === 'labwire';
  } catch {
    return false;
  }
}
