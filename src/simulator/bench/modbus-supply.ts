import { MODBUS_PORT } from '../../core/resource-shape.ts';
import { rdtechIdentity } from '../../protocol/rdtech-model.ts';
import { createRd6006, RD6006_RATING } from '../dialect/rdtech-rd6006.ts';
import { resistiveTerminals, SupplyOutput } from '../supply-output.ts';
import { createModbusServer } from '../wire/modbus-server.ts';
import { openSocketServer } from '../wire/socket-server.ts';
import type { BenchInstrument } from './bench-options.ts';
import type { BenchParts } from './bench-parts.ts';

const NAME = 'modbus-supply';
const UNIT = 1;
const NUMBER = 23;
const SALT = 24;
const RESISTOR_OHM = 10;

/** An RD6006 with 10 Ohm on it: Modbus RTU on a pseudo-terminal, and Modbus/TCP. Throws `simulator.failed`. */
export async function openModbusSupply(parts: BenchParts): Promise<BenchInstrument> {
  const { loopback, scope } = parts;
  const source = { voltage: 0, currentLimit: 1, on: false };
  const unit = createRd6006(new SupplyOutput(RD6006_RATING, source, () => resistiveTerminals(source, RESISTOR_OHM)));
  const registers = [0, 1, 2, 3].map((address) => unit.readHolding?.(address) ?? 0);
  const modbus = createModbusServer(new Map([[UNIT, unit]]), {
    gate: parts.gate(NAME, SALT),
    ledger: (way) => parts.ledger(NAME)?.on(way),
  });
  const host = loopback.host(NUMBER);
  const { port } = scope.use(await loopback.atPort(MODBUS_PORT, (at) => openSocketServer(at, modbus.acceptTcp, host)));
  const path = await parts.overTerminal(NAME, modbus.acceptRtu);
  return {
    name: NAME,
    role: 'supply',
    idn: rdtechIdentity(registers) ?? NAME,
    resources: [
      ...(path === undefined ? [] : [`MODBUS-ASRL0::${path}::${UNIT}::INSTR`]),
      `MODBUS-TCPIP0::${host}::${port}::${UNIT}::INSTR`,
    ],
    ...(path === undefined ? { reason: `Without its serial line: ${parts.terminalsReason}.` } : {}),
  };
}
