import type { Resource } from '../../../core/resource-shape.ts';
import type { Transport } from '../transport.ts';
import { type ModbusOptions, shareLine } from './line-share.ts';
import { ModbusTransport } from './modbus-transport.ts';

/**
 * Opens one unit of a Modbus line (RTU on a serial port, Modbus/TCP); units on the same line share it. Nothing is sent. Throws the `transport.*`
 * errors of the line.
 */
export async function openModbus(
  { line, unit, canonical }: Extract<Resource, { kind: 'modbus' }>,
  options: ModbusOptions = {},
): Promise<Transport> {
  const name = line.kind === 'tcp' ? `MODBUS-TCPIP0::${line.host}::${line.port}` : `MODBUS-ASRL0::${line.port}`;
  return new ModbusTransport(await shareLine(line, name, options), unit, canonical);
}
