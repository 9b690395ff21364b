import { readdir, readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { trimUsbText } from '../../../protocol/usb-descriptor.ts';
import { usbResource } from '../usb/usb-resource.ts';

/** An instrument the kernel's driver holds. */
export interface UsbtmcFileRow {
  /** `USBTMC/dev/usbtmc0::INSTR` */
  resource: string;
  /** The same instrument by its identity on the bus: found again on any port. */
  usbResource: string | undefined;
  maker: string | undefined;
  product: string | undefined;
  serial: string | undefined;
}

/** What Linux has under /dev/usbtmcN, by /sys/class/usbtmc; none where there is no such driver. */
export async function listUsbtmcFiles(folder = '/sys/class/usbtmc'): Promise<UsbtmcFileRow[]> {
  const names = await readdir(folder).catch(() => []);
  const rows = names
    .filter((name) => /^usbtmc\d+$/.test(name))
    .sort((a, b) => Number(a.slice(6)) - Number(b.slice(6)))
    .map((name) => readRow(folder, name));
  return Promise.all(rows);
}

async function readRow(folder: string, name: string): Promise<UsbtmcFileRow> {
  // `device` is the interface; the device with its texts is the folder above.
  const face = await realpath(join(folder, name, 'device')).catch(() => undefined);
  const read = async (file: string): Promise<string | undefined> => {
    if (face === undefined) return undefined;
    const text = await readFile(join(dirname(face), file), 'utf8').catch(() => '');
    return trimUsbText(text) || undefined;
  };
  const [vendor, model, maker, product, serial] = await Promise.all(
    ['idVendor', 'idProduct', 'manufacturer', 'product', 'serial'].map(read),
  );
  const vendorId = Number.parseInt(vendor ?? '', 16);
  const productId = Number.parseInt(model ?? '', 16);
  const isKnown = Number.isInteger(vendorId) && Number.isInteger(productId);
  return {
    resource: `USBTMC/dev/${name}::INSTR`,
    usbResource: isKnown ? usbResource('USB0', { vendorId, productId, maker, product, serial }) : undefined,
    maker,
    product,
    serial,
  };
}
