import dgram from 'node:dgram';
import { LabError } from '../../core/errors.ts';
import { encodeCall } from '../../protocol/onc-rpc.ts';
import { IP_PROTOCOL, PORTMAPPER, PORTMAPPER_PROCEDURES } from '../../protocol/portmapper.ts';
import { VXI11_CORE } from '../../protocol/vxi11.ts';
import { portOf } from '../transport/vxi11/find-port.ts';
import { type BroadcastInterface, broadcastInterfaces } from './broadcast-address.ts';

/** A host whose portmapper knows the core channel of VXI-11. */
export interface Vxi11Host {
  host: string;
  corePort: number;
}

export interface Vxi11BroadcastOptions {
  /** Ends the search at once; what was found stays found. */
  signal?: AbortSignal | undefined;
  /** How long answers are collected; default 1000. */
  withinMs?: number | undefined;
  /** Default: every IPv4 interface that can broadcast. */
  interfaces?: readonly BroadcastInterface[] | undefined;
  /** Of the portmappers; default 111. */
  port?: number | undefined;
  /** Called for each host once, as it answers. */
  onFound(host: Vxi11Host): void;
}

/** Simulated instruments of this machine: its interface cannot broadcast by itself. */
export const LOOPBACK_BROADCAST: BroadcastInterface = {
  name: 'lo',
  address: '127.0.0.1',
  broadcast: '127.255.255.255',
};

/** Hosts of one search; more are no bench. */
const MAX_HOSTS = 1024;

/**
 * Asks every network of this machine for VXI-11 instruments (rule B.6.1: the portmapper is asked for program 395183, version 1, TCP), and once more after a
 * third of the time, because datagrams get lost. Resolves when the time is over. Throws `discovery.unavailable` when no network could be asked.
 */
export async function broadcastVxi11(options: Vxi11BroadcastOptions): Promise<Vxi11Host[]> {
  const { signal, withinMs = 1000, interfaces = broadcastInterfaces(), port = PORTMAPPER.port, onFound } = options;
  const found = new Map<string, Vxi11Host>();
  if (signal?.aborted) return [];
  const xid = (Math.random() * 0x1_0000_0000) >>> 0;
  const question = { ...VXI11_CORE, protocol: IP_PROTOCOL.tcp, port: 0 };
  const call = encodeCall({ xid, ...PORTMAPPER }, PORTMAPPER_PROCEDURES.getPort, question);
  const take = (message: Buffer, host: string): void => {
    const corePort = portOf(new Uint8Array(message), xid);
    if (corePort === undefined || corePort <= 0 || corePort > 65_535) return;
    if (found.has(host) || found.size >= MAX_HOSTS) return;
    found.set(host, { host, corePort });
    onFound({ host, corePort });
  };
  const asked = await Promise.allSettled(interfaces.map((network) => ask(network, port, call, take)));
  const sockets = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  if (sockets.length === 0) throw unavailable(interfaces, asked);
  try {
    await pause(withinMs / 3, signal);
    if (!signal?.aborted) for (const { again } of sockets) again();
    await pause((withinMs * 2) / 3, signal);
  } finally {
    for (const { socket } of sockets) socket.close();
  }
  return [...found.values()];
}

/** Sends the question to one network, from the address this machine has in it. Rejects with what the system says. */
function ask(
  { address, broadcast }: BroadcastInterface,
  port: number,
  call: Uint8Array,
  take: (message: Buffer, host: string) => void,
): Promise<{ socket: dgram.Socket; again: () => void }> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    const fail = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once('error', fail);
    socket.on('message', (message, from) => take(message, from.address));
    socket.bind(0, address, () => {
      socket.setBroadcast(true);
      socket.send(call, port, broadcast, (error) => {
        if (error) return fail(error);
        socket.off('error', fail);
        // A network that went away meanwhile answers no more; the others do.
        socket.on('error', () => {});
        resolve({ socket, again: () => socket.send(call, port, broadcast, () => {}) });
      });
    });
  });
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}

function unavailable(
  interfaces: readonly BroadcastInterface[],
  asked: readonly PromiseSettledResult<unknown>[],
): LabError {
  const reasons = asked.flatMap((one, index) =>
    one.status === 'rejected' ? [`${interfaces[index]?.name}: ${(one.reason as Error).message}`] : [],
  );
  const why = reasons.length > 0 ? reasons.join('; ') : 'this machine is in no network that can broadcast';
  const text = `Cannot ask the network for VXI-11 instruments (${why}). Type the address of the instrument, or check the network.`;
  return new LabError('discovery.unavailable', text, { reasons });
}
