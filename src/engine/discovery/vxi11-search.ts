import type { Search } from './search.ts';
import { broadcastVxi11 } from './vxi11-broadcast.ts';

/** Hosts whose portmapper knows a VXI-11 instrument, asked by broadcast on every network. */
export function createVxi11Search(options: { withinMs?: number } = {}): Search {
  return {
    source: 'vxi11',
    async look({ signal, found }) {
      await broadcastVxi11({
        ...options,
        signal,
        onFound: ({ host }) =>
          found({ resource: `TCPIP0::${host}::inst0::INSTR`, state: 'usable', idn: null, mayAsk: true }),
      });
    },
  };
}
