import { LabError } from '../../core/errors.ts';
import { parseResource } from '../../core/resource.ts';
import { openTransport } from '../transport/open-transport.ts';
import { cancellation } from '../transport/read-buffer.ts';
import type { Transport } from '../transport/transport.ts';
import { QuerySession } from './query-session.ts';
import type { Session } from './session.ts';
import type { SessionOptions } from './session-options.ts';

/**
 * Opens the way and puts a query engine on it. Nothing is sent.
 *
 *     await using session = await openSession({ resource: 'TCPIP0::192.168.1.20::5025::SOCKET', clock });
 *     const identity = parseIdentity(await session.query('*IDN?'));
 *
 * Throws `resource.*`, `transport.*`, `call.cancelled`; nothing stays open then. After a query threw `transport.timeout` or `protocol.*` the
 * session goes on: the wire is made clean before the next one is sent. After `transport.closed` it is closed for good; open another.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const open = opener(options);
  const transport = await open();
  if (options.signal?.aborted) {
    await transport[Symbol.asyncDispose]();
    throw cancellation(options.signal);
  }
  return new QuerySession(transport, open, { ...options, isFreshOnReopen: isFresh(options, transport.resource) });
}

function opener(options: SessionOptions): () => Promise<Transport> {
  const { open, resource } = options;
  if (open) return open;
  if (resource === undefined) throw new LabError('call.invalid', 'A session needs a resource or a way to open one.');
  let isFirst = true;
  return () => {
    const signal = isFirst ? options.signal : undefined;
    isFirst = false;
    return openTransport(resource, { ...options.transport, signal });
  };
}

function isFresh(options: SessionOptions, resource: string): boolean {
  if (options.isFreshOnReopen !== undefined) return options.isFreshOnReopen;
  try {
    return parseResource(resource).kind === 'socket';
  } catch {
    return false;
  }
}
