import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { LabError } from '../../core/errors.ts';
import { timeLimit } from '../time-limit.ts';
import { type BroadcastInterface, broadcastInterfaces } from './broadcast-address.ts';
import { decodeIdentifyReply, encodeIdentify, NETFINDER_PORT } from './netfinder.ts';
import type { Search } from './search.ts';

export interface PrologixSearchOptions {
  /** How long answers are waited for. */
  waitMs: number;
  interfaces(): BroadcastInterface[];
  port: number;
}

/** Prologix GPIB-ETHERNET adapters, asked by NetFinder on every network. They are not connected to: a second client would put the first out. */
export function createPrologixSearch(options: Partial<PrologixSearchOptions> = {}): Search {
  const { waitMs = 800, interfaces = broadcastInterfaces, port = NETFINDER_PORT } = options;
  return {
    source: 'prologix',
    async look({ signal, found }) {
      const networks = interfaces();
      if (networks.length === 0)
        throw new LabError(
          'discovery.unavailable',
          'This machine has no network to ask for adapters in. Type the address of the adapter: PRLGX-TCPIP0::HOST::INTFC.',
        );
      const sequence = randomInt(0x10000);
      await Promise.all(
        networks.map((network) =>
          ask(network, port, sequence, waitMs, signal, (bytes) => {
            const adapter = decodeIdentifyReply(bytes, sequence);
            if (!adapter) return;
            found({
              resource: `PRLGX-TCPIP0::${adapter.host}::1234::INTFC`,
              state: 'unusable',
              idn: null,
              name: `Prologix ${adapter.host}`,
              about: `a GPIB adapter (${adapter.ethernet}), no instrument itself`,
              fix: `Type the GPIB address of the instrument behind it: PRLGX-TCPIP0::${adapter.host}::1234::9::INSTR for address 9. The attach doctor lists the addresses that answer.`,
            });
          }),
        ),
      );
    },
  };
}

async function ask(
  network: BroadcastInterface,
  port: number,
  sequence: number,
  waitMs: number,
  signal: AbortSignal,
  answered: (bytes: Uint8Array) => void,
): Promise<void> {
  const socket = dgram.createSocket('udp4');
  try {
    // One network that cannot be asked does not spoil the others.
    socket.on('error', () => undefined);
    socket.on('message', answered);
    socket.bind(0, network.address);
    await once(socket, 'listening', { signal });
    socket.setBroadcast(true);
    socket.send(encodeIdentify(sequence), port, network.broadcast, () => undefined);
    using limit = timeLimit(waitMs, signal);
    await once(socket, 'close', { signal: limit.signal });
  } catch (error) {
    if (!(error instanceof Error) || (error.name !== 'AbortError' && !('code' in error))) throw error;
  } finally {
    socket.close();
  }
}
