import { SerialPort } from 'serialport';

export interface SerialPortRow {
  resource: string;
  name: string;
  /** What the system knows of it, for the person. */
  about: string;
}

/** Ports the system lists, by name: none is opened. Pseudo-terminals are never listed; type their path. Empty where the system cannot tell. */
export async function listSerialPorts(): Promise<SerialPortRow[]> {
  const ports = await SerialPort.list().catch(() => []);
  return ports
    .filter(
      ({ path, manufacturer, vendorId, pnpId }) => !/^\/dev\/ttyS\d+$/.test(path) || manufacturer || vendorId || pnpId,
    )
    .map(({ path, manufacturer, vendorId, productId }) => ({
      resource: `ASRL${path}::INSTR`,
      name: path,
      about: [manufacturer, vendorId && `${vendorId}:${productId ?? '?'}`, 'not probed: attaching opens the port']
        .filter(Boolean)
        .join(' · '),
    }));
}
