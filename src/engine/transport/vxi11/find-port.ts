import dgram from 'node:dgram';
import { isIPv6 } from 'node:net';
import { LabError } from '../../../core/errors.ts';
import { decodeReply, encodeCall } from '../../../protocol/onc-rpc.ts';
import { IP_PROTOCOL, PORTMAPPER, PORTMAPPER_PROCEDURES, type PortMapping } from '../../../protocol/portmapper.ts';
import { fromOsError } from '../os-error.ts';
import { cancellation } from '../read-buffer.ts';
import { openRpcClient } from './rpc-client.ts';

export interface FindPortOptions {
  /** Of the portmapper; default 111. */
  portmapperPort?: number | undefined;
  /** For each of the two ways, TCP and UDP; default 2000. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Asks the portmapper of a host for the TCP port of a program, over TCP, and over UDP where it does not serve TCP. Throws `transport.refused` when the
 * program is not registered there, and what the way says (`transport.refused`, `transport.not-found`, `transport.unreachable`, …).
 */
export async function findPort(
  target: { host: string; resource: string; program: number; version: number },
  options: FindPortOptions = {},
): Promise<number> {
  const question: PortMapping = {
    program: target.program,
    version: target.version,
    protocol: IP_PROTOCOL.tcp,
    port: 0,
  };
  const port = await askTcp(target, question, options).catch((error: unknown) => {
    const failure = LabError.from(error);
    // A name without an address has none for UDP either.
    if (failure.code === 'transport.not-found' || failure.isCancelled || options.signal?.aborted) throw failure;
    return askUdp(target, question, options).catch(() => Promise.reject(failure));
  });
  if (port > 0 && port < 65_536) return port;
  throw new LabError(
    'transport.refused',
    `The portmapper of ${target.host} knows no VXI-11 instrument. Nothing is open. Switch VXI-11 on at the instrument, or use its raw socket or HiSLIP.`,
    { resource: target.resource },
  );
}

async function askTcp(
  { host, resource }: { host: string; resource: string },
  question: PortMapping,
  { portmapperPort = PORTMAPPER.port, timeoutMs = 2000, signal }: FindPortOptions,
): Promise<number> {
  const target = { host, port: portmapperPort, program: PORTMAPPER.program, version: PORTMAPPER.version, resource };
  await using client = await openRpcClient(target, { connectTimeoutMs: timeoutMs, signal });
  return await client.call(PORTMAPPER_PROCEDURES.getPort, question, { timeoutMs, signal });
}

/** RFC 5531 5: over UDP the caller asks again, with the same number. */
function askUdp(
  { host, resource }: { host: string; resource: string },
  question: PortMapping,
  { portmapperPort = PORTMAPPER.port, timeoutMs = 2000, signal }: FindPortOptions,
): Promise<number> {
  const xid = (Math.random() * 0x1_0000_0000) >>> 0;
  const call = encodeCall(
    { xid, program: PORTMAPPER.program, version: PORTMAPPER.version },
    PORTMAPPER_PROCEDURES.getPort,
    question,
  );
  const name = host.replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(cancellation(signal));
    const socket = dgram.createSocket(isIPv6(name) ? 'udp6' : 'udp4');
    let isOver = false;
    const finish = (settle: () => void): void => {
      // A name that is looked up may fail when nobody waits for it any more.
      if (isOver) return;
      isOver = true;
      clearInterval(again);
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.close();
      settle();
    };
    const fail = (error: unknown): void =>
      finish(() => reject(fromOsError(error, resource, `Cannot ask the portmapper of ${host}`)));
    const onAbort = (): void => {
      if (signal) finish(() => reject(cancellation(signal)));
    };
    const send = (): void => socket.send(call, portmapperPort, name, (error) => error && fail(error));
    const again = setInterval(send, timeoutMs / 4);
    const timer = setTimeout(() => {
      const text = `The portmapper of ${host} did not answer within ${timeoutMs} ms. Nothing is open. Check the address and that no firewall blocks port ${portmapperPort}.`;
      finish(() => reject(new LabError('transport.unreachable', text, { resource })));
    }, timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', fail);
    socket.on('message', (message) => {
      const port = portOf(message, xid);
      if (port !== undefined) finish(() => resolve(port));
    });
    send();
  });
}

/** The answer to the call of that number; undefined for anything else that arrives at the port. */
export function portOf(message: Uint8Array, xid: number): number | undefined {
  try {
    const reply = decodeReply(message);
    return reply.xid === xid && reply.result ? PORTMAPPER_PROCEDURES.getPort.result.read(reply.result) : undefined;
  } catch {
    return undefined;
  }
}
