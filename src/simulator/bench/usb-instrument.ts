import { canonicalResource } from '../../core/resource.ts';
import { USBIP_PORT } from '../../core/resource-shape.ts';
import { Circuit } from '../circuit.ts';
import { createFromDefinition } from '../dialect/from-definition.ts';
import { openUsbipServer } from '../usb/usbip-server.ts';
import { UsbtmcPeripheral } from '../usb/usbtmc-peripheral.ts';
import { createScpiMessageDevice } from '../wire/scpi-message-device.ts';
import type { BenchInstrument } from './bench-options.ts';
import type { BenchParts } from './bench-parts.ts';
import { type SerialNumbers, simulatedFamily } from './simulated-family.ts';

const NAME = 'usb-supply';
const FAMILY = 'keysight-e36300';
const NUMBER = 22;
const SALT = 23;

/** A USB/IP exporter with a supply of USBTMC, on a circuit of its own. Throws `simulator.failed`. */
export async function openUsbInstrument(parts: BenchParts, serials: SerialNumbers): Promise<BenchInstrument> {
  const { clock, loopback, scope } = parts;
  const { definition } = simulatedFamily(FAMILY, serials);
  const circuit = new Circuit(clock);
  const instrument = createFromDefinition(definition, { circuit, random: parts.noise(SALT), clock });
  const ledger = parts.ledger(NAME)?.on('usb');
  const device = createScpiMessageDevice({ instrument, gate: parts.gate(NAME, SALT), ledger });
  const peripheral = new UsbtmcPeripheral(device);
  const host = loopback.host(NUMBER);
  const server = scope.use(await loopback.atPort(USBIP_PORT, (port) => openUsbipServer({ host, port })));
  server.plug(peripheral);
  const { vendorId, productId } = peripheral.descriptor;
  const ids = `${vendorId}::${productId}::${instrument.identity.serial}`;
  return {
    name: NAME,
    role: definition.role,
    idn: instrument.idn,
    resources: [canonicalResource(`USBIP0::${host},${server.port}::${ids}::INSTR`)],
  };
}
