import { SerialPort } from 'serialport';

export interface SerialPortRow {
  resource: string;
  name: string;
  /** What the system knows of it, for the person. */
  about: string;
  /** Names the adapter whatever path the system gives it: USB ids and serial number. Absent for what has no serial number. */
  adapter?: string;
}

/** Ports the system lists, by name: none is opened. Pseudo-terminals are never listed; type their path. Empty where the system cannot tell. */
export async function listSerialPorts(): Promise<SerialPortRow[]> {
  const ports = await SerialPort.list().catch(() => []);
  return ports
    .filter(
      ({ path, manufacturer, vendorId, pnpId }) => !/^\/dev\/ttyS\d+$/.test(path) || manufacturer || vendorId || pnpId,
    )
    .map(({ path, manufacturer, vendorId, productId, serialNumber }) => ({
      resource: `ASRL${path}::INSTR`,
      name: path,
      about: [manufacturer, vendorId && `${vendorId}:${productId ?? '?'}`, 'not probed: attaching opens the port']
        .filter(Boolean)
        .join(' · '),
      ...(vendorId && serialNumber ? { adapter: `${vendorId}:${productId ?? '?'}:${serialNumber}` } : {}),
    }));
}
