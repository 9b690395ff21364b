import { LabError } from '../../../core/errors.ts';
import { USBIP_PORT } from '../../../core/resource-shape.ts';
import { isUsbtmc } from './open-usb.ts';
import { identityOf, listPackageDevices, type PackageDevice, type UsbPackage } from './usb-package.ts';
import { hexId, usbResource } from './usb-resource.ts';
import { listUsbipExports, type UsbipHost, type UsbipOptions } from './usbip-client.ts';
import { UsbipDevice } from './usbip-device.ts';

/** A USB instrument that was found. Nothing of it was opened on the instrument's side beyond its descriptors. */
export interface UsbRow {
  resource: string;
  maker: string | undefined;
  product: string | undefined;
  serial: string | undefined;
  /** For the person: `Rigol DS1104Z, 0x1AB1:0x04CE`. */
  about: string;
  /** Why it cannot be used as it is; absent: nothing is known against it. */
  reason?: string | undefined;
}

/** USBTMC instruments of this computer. Throws `discovery.unavailable` where there is no USB. */
export async function listUsb(load?: () => Promise<UsbPackage>): Promise<UsbRow[]> {
  const devices = await listPackageDevices(load);
  return devices.flatMap((device) => {
    const identity = identityOf(device);
    return tmcInterfaces(device).map((interfaceNumber, index): UsbRow => {
      // The first is what no number means.
      const resource = usbResource('USB0', identity, { interfaceNumber: index === 0 ? 0 : interfaceNumber });
      return { resource, ...textsOf(identity) };
    });
  });
}

/**
 * USBTMC instruments an exporter offers. Each is imported for a moment to read its serial number; one that another client has is listed with
 * that reason. Throws `transport.*`.
 */
export async function listUsbip(target: UsbipHost, options: UsbipOptions = {}): Promise<UsbRow[]> {
  const way = `USBIP0::${target.host}${target.port === USBIP_PORT ? '' : `,${target.port}`}`;
  const rows: UsbRow[] = [];
  for (const { busId, vendorId, productId, interfaces } of await listUsbipExports(target, options)) {
    if (!interfaces.some(isUsbtmc)) continue;
    const device = new UsbipDevice({ ...target, busId, vendorId, productId, resource: `${way}::${busId}` });
    try {
      await device.open(options.signal);
      rows.push({ resource: usbResource(way, device.identity), ...textsOf(device.identity) });
    } catch (error) {
      const reason = LabError.from(error).message;
      rows.push({ resource: usbResource(way, device.identity), ...textsOf(device.identity), reason });
    } finally {
      await device.close();
    }
  }
  return rows;
}

function tmcInterfaces({ configuration, configurations }: PackageDevice): number[] {
  const active = configuration ?? configurations[0];
  return (active?.interfaces ?? []).flatMap(({ interfaceNumber, alternate }) =>
    isUsbtmc({ classCode: alternate.interfaceClass, subclassCode: alternate.interfaceSubclass })
      ? [interfaceNumber]
      : [],
  );
}

function textsOf(identity: {
  vendorId: number;
  productId: number;
  maker: string | undefined;
  product: string | undefined;
  serial: string | undefined;
}): Omit<UsbRow, 'resource' | 'reason'> {
  const { vendorId, productId, maker, product, serial } = identity;
  const name = [maker, product].filter((text) => text !== undefined).join(' ');
  const ids = `${hexId(vendorId)}:${hexId(productId)}`;
  return { maker, product, serial, about: name === '' ? ids : `${name}, ${ids}` };
}
