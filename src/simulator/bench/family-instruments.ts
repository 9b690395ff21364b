import { LabError } from '../../core/errors.ts';
import { SCPI_RAW_PORT } from '../../core/resource-shape.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import { Circuit } from '../circuit.ts';
import { createDefinitionDevice } from '../dialect/definition-wire.ts';
import { acceptScpi } from '../wire/scpi-connection.ts';
import { openSocketServer } from '../wire/socket-server.ts';
import type { BenchInstrument } from './bench-options.ts';
import type { BenchParts } from './bench-parts.ts';
import { type SerialNumbers, simulatedFamily } from './simulated-family.ts';

/** Last number of the address of the first. */
const FIRST_NUMBER = 31;
const FIRST_SALT = 100;
/** Most of them on one bench. */
const MAX_FAMILIES = 200;

/**
 * Instruments made of their definition files: each on a socket of an address of its own, at the port of the family, and those with a serial line on a pseudo-terminal too.
 * Meters and scopes look at the one circuit; a supply or a load has a circuit of its own. Throws `call.invalid` for an unknown family, `simulator.failed`.
 */
export async function openFamilyInstruments(
  parts: BenchParts,
  families: readonly string[],
  serials: SerialNumbers,
): Promise<BenchInstrument[]> {
  if (families.length > MAX_FAMILIES) {
    throw new LabError(
      'call.invalid',
      `A bench has at most ${MAX_FAMILIES} families, and ${families.length} were given.`,
    );
  }
  const rows: BenchInstrument[] = [];
  for (const [index, family] of families.entries()) {
    const count = families.slice(0, index).filter((other) => other === family).length;
    rows.push(
      await openFamily(parts, { family, index, name: count === 0 ? family : `${family}-${count + 1}`, serials }),
    );
  }
  return rows;
}

async function openFamily(
  parts: BenchParts,
  { family, index, name, serials }: { family: string; index: number; name: string; serials: SerialNumbers },
): Promise<BenchInstrument> {
  const { clock, loopback, scope } = parts;
  const { definition, create } = simulatedFamily(family, serials);
  const gate = parts.gate(name, FIRST_SALT + index);
  const ledger = parts.ledger(name);
  const { role, line } = definition;
  const hasOwnCircuit = role === 'supply' || role === 'load';
  const circuit = hasOwnCircuit ? new Circuit(clock) : parts.circuit;
  const bench = { circuit, random: parts.noise(FIRST_SALT + index), clock };
  const port = { gate, ledger };
  const own = create?.(bench);
  const device = own
    ? { instrument: own, accept: acceptScpi({ ...port, instrument: own }) }
    : createDefinitionDevice(definition, bench, port);
  const { instrument } = device;
  const acceptOn = (way: string) =>
    instrument ? acceptScpi({ instrument, gate, ledger: ledger?.on(way) }) : device.accept;
  const host = loopback.host(FIRST_NUMBER + index);
  const server = scope.use(
    await loopback.atPort(line.port ?? SCPI_RAW_PORT, (port) => openSocketServer(port, acceptOn('socket'), host)),
  );
  const path = line.baudRate === undefined ? undefined : await parts.overTerminal(name, acceptOn('serial'));
  const { maker, model, serial, firmware } = parseIdentity(definition.simulation.identity);
  return {
    name,
    role,
    idn: instrument?.idn ?? [maker, model, serial, firmware].join(','),
    resources: [`TCPIP0::${host}::${server.port}::SOCKET`, ...(path === undefined ? [] : [`ASRL${path}::INSTR`])],
    ...(line.baudRate !== undefined && parts.terminalsReason !== undefined
      ? { reason: `Without its serial line: ${parts.terminalsReason}.` }
      : {}),
  };
}
