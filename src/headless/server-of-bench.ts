import type { ServerState } from '../contract/server-schema.ts';
import { LabError } from '../core/errors.ts';
import { parseServerAddress, type ServerAddress } from '../engine/lab/server-address.ts';

/** What of a server of the bench it may be named by. */
export type NamedServer = Pick<ServerState, 'id' | 'url' | 'label'>;

/**
 * The one server of the bench a person names: by its id, its name, its `host:port` or address, or its host where one server stands there. Whole names and hosts only:
 * 10.0.0.1 is not 10.0.0.11. Undefined: none. Throws call.invalid where two or more fit, with their list.
 */
export function serverOfBench<S extends NamedServer>(servers: readonly S[], wanted: string): S | undefined {
  const known = servers.find(({ id }) => id === wanted);
  if (known) return known;
  const address = addressOf(wanted);
  const fitting = servers.filter(({ label, url }) => label === wanted || (address && isAt(url, wanted, address)));
  if (fitting.length < 2) return fitting[0];
  throw new LabError(
    'call.invalid',
    `${fitting.length} lab servers of the bench fit that: ${fitting.map(({ label, url, id }) => `${label} ${url} (${id})`).join(', ')}. Nothing was changed. Name one by its address or id.`,
  );
}

function isAt(url: string, wanted: string, { origin, host }: ServerAddress): boolean {
  const stands = addressOf(url);
  if (!stands) return false;
  // Without a scheme and a port it is a host alone, whatever the port.
  const isHost = /^(\[[^\]]*\]|[^:/?#]+)$/.test(wanted.trim());
  return isHost ? stands.host === host : stands.origin === origin;
}

function addressOf(text: string): ServerAddress | undefined {
  try {
    return parseServerAddress(text);
  } catch {
    // A name that is no address.
    return undefined;
  }
}
