import { PROLOGIX_PORT } from '../../core/resource-shape.ts';
import { Circuit } from '../circuit.ts';
import { createFromDefinition } from '../dialect/from-definition.ts';
import { createPrologixAdapter, openPrologixServer } from '../wire/prologix-server.ts';
import { createScpiMessageDevice } from '../wire/scpi-message-device.ts';
import type { BenchInstrument } from './bench-options.ts';
import type { BenchParts } from './bench-parts.ts';
import { type SerialNumbers, simulatedFamily } from './simulated-family.ts';

const NUMBER = 21;

/** Behind the adapter, by address on the bus. */
const INSTRUMENTS = [
  { name: 'gpib-meter', family: 'hp-34401a', primary: 22, salt: 21 },
  { name: 'gpib-supply', family: 'rs-hmp', primary: 5, salt: 22 },
] as const;

/** A Prologix GPIB-ETHERNET with a 34401A (it looks at the one circuit) and a supply (on a circuit of its own). Throws `simulator.failed`. */
export async function openGpibInstruments(parts: BenchParts, serials: SerialNumbers): Promise<BenchInstrument[]> {
  const { clock, loopback, scope } = parts;
  const made = INSTRUMENTS.map(({ name, family, primary, salt }) => {
    const { definition, create } = simulatedFamily(family, serials);
    const { role } = definition;
    const circuit = role === 'supply' ? new Circuit(clock) : parts.circuit;
    const bench = { circuit, random: parts.noise(salt), clock };
    const instrument = create?.(bench) ?? createFromDefinition(definition, bench);
    const device = createScpiMessageDevice({
      instrument,
      gate: parts.gate(name, salt),
      ledger: parts.ledger(name)?.on('gpib'),
    });
    return { name, role, idn: instrument.idn, primary, device };
  });
  const adapter = createPrologixAdapter({
    instruments: made.map(({ primary, device }) => ({ address: { primary }, device })),
  });
  const host = loopback.host(NUMBER);
  const { port } = scope.use(await loopback.atPort(PROLOGIX_PORT, (at) => openPrologixServer(at, adapter, host)));
  return made.map(({ name, role, idn, primary }) => ({
    name,
    role,
    idn,
    resources: [`PRLGX-TCPIP0::${host}::${port}::${primary}::INSTR`],
  }));
}
