import { SerialPort } from 'serialport';

/** The list is made by a program of the system (udevadm), which may hang. */
const LIST_LIMIT_MS = 5000;

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
  const ports = await Promise.race([SerialPort.list().catch(() => []), nothingAfter(LIST_LIMIT_MS)]);
  return ports
    .filter(
      ({ path, manufacturer, vendorId, pnpId }) => !/^\/dev\/ttyS\d+$/.test(path) || manufacturer || vendorId || pnpId,
    )
    .map(({ path, manufacturer, vendorId, productId, serialNumber, pnpId, ...more }) => ({
      resource: `ASRL${path}::INSTR`,
      name: path,
      about: [
        deviceName(pnpId, more) ?? manufacturer,
        vendorId && `${vendorId}:${productId ?? '?'}`,
        'not probed: attaching opens the port',
      ]
        .filter(Boolean)
        .join(' · '),
      ...(vendorId && serialNumber ? { adapter: `${vendorId}:${productId ?? '?'}:${serialNumber}` } : {}),
    }));
}

/** `Silicon Labs CP2102 USB to UART Bridge Controller`: Windows says it as it is, udev as `usb-MAKER_PRODUCT_SERIAL-if00-port0`. */
export function deviceName(pnpId: string | undefined, more: object): string | undefined {
  const { friendlyName } = more as { friendlyName?: unknown };
  if (typeof friendlyName === 'string' && friendlyName !== '') return friendlyName;
  const words = /^usb-(.+?)(?:-if\d+)?(?:-port\d+)?$/.exec(pnpId ?? '')?.[1];
  return words?.replaceAll('_', ' ').trim() || undefined;
}

function nothingAfter(ms: number): Promise<never[]> {
  return new Promise((resolve) => void setTimeout(() => resolve([]), ms).unref());
}
