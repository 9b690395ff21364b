import type { Identity } from '../../core/instrument.ts';
import { canonicalResource } from '../../core/resource.ts';
import { HISLIP_PORT, SCPI_RAW_PORT } from '../../core/resource-shape.ts';
import { PORTMAPPER } from '../../protocol/portmapper.ts';
import type { ScpiInstrument } from '../scpi/instrument.ts';
import { openHislipServer } from '../wire/hislip-server.ts';
import { acceptScpi } from '../wire/scpi-connection.ts';
import { createScpiMessageDevice } from '../wire/scpi-message-device.ts';
import { openSocketServer } from '../wire/socket-server.ts';
import { openVxi11Server, type Vxi11Server } from '../wire/vxi11-server.ts';
import type { BenchParts } from './bench-parts.ts';

export interface LanInstrument {
  name: string;
  instrument: ScpiInstrument;
  /** Of the gate it has. */
  salt: number;
  /** Last number of its address. */
  number: number;
  /** SCPI raw of its maker; default 5025. */
  rawPort?: number | undefined;
}

/** A host of the bench and where it listens; for its announcement. */
export interface LanHost {
  /** Of the instrument on the bench. */
  instrument: string;
  host: string;
  ports: { raw: number; vxi11: number; hislip: number };
  identity: Identity;
}

/** One instrument on an address of its own by VXI-11, HiSLIP and SCPI raw, at the real ports or, where they cannot be had, free ones. */
export async function openLanWays(
  parts: BenchParts,
  { name, instrument, salt, number, rawPort = SCPI_RAW_PORT }: LanInstrument,
): Promise<LanHost & { resources: string[] }> {
  const { loopback, scope } = parts;
  const host = loopback.host(number);
  const gate = parts.gate(name, salt);
  const device = (way: string) => createScpiMessageDevice({ instrument, gate, ledger: parts.ledger(name)?.on(way) });
  const accept = acceptScpi({ instrument, gate, ledger: parts.ledger(name)?.on('socket') });
  const vxi11 = scope.use(await openVxi11(device('vxi11'), host, loopback.reason === undefined));
  const hislip = scope.use(
    await loopback.atPort(HISLIP_PORT, (port) =>
      openHislipServer({ devices: { hislip0: device('hislip') }, host, port }),
    ),
  );
  const raw = scope.use(await loopback.atPort(rawPort, (port) => openSocketServer(port, accept, host)));
  const { portmapperPort, corePort } = vxi11;
  const atCore = portmapperPort === undefined ? `,${corePort}` : '';
  return {
    instrument: name,
    host,
    identity: instrument.identity,
    ports: { raw: raw.port, hislip: hislip.port, vxi11: portmapperPort ?? corePort },
    resources: [
      `TCPIP0::${host}${atCore}::inst0::INSTR`,
      `TCPIP0::${host}::hislip0,${hislip.port}::INSTR`,
      `TCPIP0::${host}::${raw.port}::SOCKET`,
    ].map(canonicalResource),
  };
}

/** Without port 111 there is no portmapper that anybody would ask: the resource string has the core port. */
async function openVxi11(
  device: ReturnType<typeof createScpiMessageDevice>,
  host: string,
  hasOwnAddress: boolean,
): Promise<Vxi11Server> {
  const open = (portmapperPort: number | null): Promise<Vxi11Server> =>
    openVxi11Server({ devices: { inst0: device }, host, portmapperPort });
  if (!hasOwnAddress) return await open(null);
  return await open(PORTMAPPER.port).catch(() => open(null));
}
