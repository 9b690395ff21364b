import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A USB device as sysfs shows it. */
export interface SysDevice {
  name: string;
  vendorId: number;
  productId: number;
  serial: string;
  maker: string;
  product: string;
  /** `/dev/bus/usb/001/004` */
  node: string;
}

/** Every USB device of a Linux machine, also those that may not be opened; undefined where there is no USB. */
export async function usbDevices({ sys, dev }: { sys: string; dev: string }): Promise<SysDevice[] | undefined> {
  const folder = join(sys, 'bus/usb/devices');
  const names = await readdir(folder).catch(() => undefined);
  if (!names) return undefined;
  const devices = await Promise.all(
    // Names with a colon are interfaces.
    names
      .filter((name) => !name.includes(':'))
      .map(async (name): Promise<SysDevice | undefined> => {
        const text = async (file: string): Promise<string> =>
          (await readFile(join(folder, name, file), 'utf8').catch(() => '')).trim();
        const [vendor, product, bus, number] = await Promise.all(
          ['idVendor', 'idProduct', 'busnum', 'devnum'].map(text),
        );
        if (!vendor || !product) return undefined;
        const node = join(dev, 'bus/usb', (bus ?? '').padStart(3, '0'), (number ?? '').padStart(3, '0'));
        const [serial = '', maker = '', what = ''] = await Promise.all(['serial', 'manufacturer', 'product'].map(text));
        return {
          name,
          vendorId: Number.parseInt(vendor, 16),
          productId: Number.parseInt(product, 16),
          serial,
          maker,
          product: what,
          node,
        };
      }),
  );
  return devices.filter((device) => device !== undefined);
}
