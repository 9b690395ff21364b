import { setMaxListeners } from 'node:events';
import { type Knock, knock } from './connect-probe.ts';
import type { Search } from './search.ts';
import type { Found } from './sighting.ts';
import { runPool } from './work-pool.ts';

export interface ScanOptions {
  /** Connections under way at once. */
  width: number;
  timeoutMs: number;
  ports: readonly number[];
  knock(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<Knock>;
  /** Not knocked at: an attached instrument has a connection there, and some take one only. */
  isInUse(host: string, port: number): boolean;
}

/** Portmapper (VXI-11), HiSLIP, raw SCPI (IANA; Rigol; Tektronix), Prologix. */
export const SCAN_PORTS = [111, 4880, 5025, 5555, 4000, 1234] as const;

export const SCAN_OPTIONS: ScanOptions = {
  width: 128,
  timeoutMs: 500,
  ports: SCAN_PORTS,
  knock,
  isInUse: () => false,
};

/** Knocks at the instrument ports of every host. Only when a person asked for it. Who answers is asked who it is, a Prologix adapter excepted. */
export function createScanSearch(hosts: readonly string[], options: Partial<ScanOptions> = {}): Search {
  const { width, timeoutMs, ports, isInUse, ...with_ } = { ...SCAN_OPTIONS, ...options };
  return {
    source: 'scan',
    async look({ signal, found, progress }) {
      // Each knock listens to it.
      setMaxListeners(0, signal);
      let done = 0;
      await runPool(hosts, Math.max(1, Math.floor(width / ports.length)), signal, async (host) => {
        await Promise.all(
          ports.map(async (port) => {
            if (isInUse(host, port)) return;
            if ((await with_.knock(host, port, timeoutMs, signal)) === 'open') found(foundAtPort(host, port));
          }),
        );
        progress(++done / hosts.length);
      });
    },
  };
}

function foundAtPort(host: string, port: number): Found {
  const shared = { state: 'unknown', idn: null, mayAsk: true } as const;
  const about = `port ${port} is open`;
  if (port === 111)
    return { ...shared, resource: `TCPIP0::${host}::inst0::INSTR`, about: `a portmapper answers on ${host}` };
  if (port === 4880) return { ...shared, resource: `TCPIP0::${host}::hislip0::INSTR`, about };
  if (port !== 1234) return { ...shared, resource: `TCPIP0::${host}::${port}::SOCKET`, about };
  return {
    ...shared,
    mayAsk: false,
    state: 'unusable',
    resource: `PRLGX-TCPIP0::${host}::1234::INTFC`,
    name: `Adapter ${host}`,
    about:
      'port 1234 is open: probably a GPIB adapter of Prologix; not asked, because a second client puts the first out',
    fix: `Type the GPIB address of the instrument behind it: PRLGX-TCPIP0::${host}::1234::9::INSTR for address 9. The attach doctor lists the addresses that answer.`,
  };
}
