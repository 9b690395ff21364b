import { access, constants } from 'node:fs/promises';
import type { UsbRow } from '../transport/usb/list-usb.ts';
import { usbDevices } from '../transport/usb/sys-usb.ts';
import { udevAdvice } from '../transport/usb/udev-rule.ts';
import { isSerialOf } from '../transport/usb/usb-resource.ts';
import type { UsbtmcFileRow } from '../transport/usbtmc-file/list-usbtmc-files.ts';
import { readResource } from './path-rank.ts';
import type { Search } from './search.ts';
import type { Found } from './sighting.ts';

/** The bus is looked at so often while somebody watches, beside what is told by it. */
const AGAIN_MS = 2000;

export interface UsbSearchOptions {
  list(): Promise<UsbRow[]>;
  onChange?: Search['onChange'];
  platform?: NodeJS.Platform;
  sys?: string;
  dev?: string;
}

/** USBTMC instruments of this machine; none is opened. One the system does not let this person open is listed with the rule to put in place. */
export function createUsbSearch({
  list,
  onChange,
  platform = process.platform,
  sys = '/sys',
  dev = '/dev',
}: UsbSearchOptions): Search {
  return {
    source: 'usb',
    againMs: AGAIN_MS,
    ...(onChange ? { onChange } : {}),
    async look({ found }) {
      const rows = await list();
      const nodes = platform === 'linux' && rows.length > 0 ? ((await usbDevices({ sys, dev })) ?? []) : [];
      for (const row of rows) {
        const parsed = readResource(row.resource);
        const node =
          parsed?.kind === 'usb'
            ? nodes.find(
                (device) =>
                  device.vendorId === parsed.vendorId &&
                  device.productId === parsed.productId &&
                  isSerialOf(parsed.serial, device),
              )?.node
            : undefined;
        const isDenied = node !== undefined && !(await mayOpen(node));
        found(foundOf(row, isDenied, parsed?.kind === 'usb' ? parsed.vendorId : undefined, platform));
      }
    },
  };
}

/** Instruments the kernel's driver of Linux holds, by their device file. */
export function createUsbtmcSearch(list: () => Promise<UsbtmcFileRow[]>): Search {
  return {
    source: 'usbtmc',
    againMs: AGAIN_MS,
    async look({ found }) {
      for (const { resource, maker, product, serial } of await list()) {
        const node = resource.replace(/^USBTMC(.*)::INSTR$/, '$1');
        const isDenied = !(await mayOpen(node));
        const about = [maker, product].filter(Boolean).join(' ') || "by the kernel's driver";
        found({
          resource,
          idn: null,
          name: product ?? maker,
          ...(maker && serial ? { unit: { maker, serial } } : {}),
          state: isDenied ? 'unusable' : 'usable',
          about: isDenied ? `${about}: you may not open ${node}` : about,
          ...(isDenied ? { fix: 'The attach doctor says which group or rule is missing.' } : {}),
        });
      }
    },
  };
}

function foundOf(
  { resource, maker, product, serial, about, reason }: UsbRow,
  isDenied: boolean,
  vendorId: number | undefined,
  platform: NodeJS.Platform,
): Found {
  const shared = {
    resource,
    idn: null,
    name: product ?? maker,
    ...(maker && serial ? { unit: { maker, serial } } : {}),
  };
  if (isDenied)
    return {
      ...shared,
      state: 'unusable',
      about: `${about}: you may not open it`,
      fix: udevAdvice(vendorId, platform),
    };
  if (reason !== undefined)
    return { ...shared, state: 'unusable', about: reason, fix: 'The attach doctor tells more.' };
  return { ...shared, state: 'usable', about };
}

function mayOpen(node: string): Promise<boolean> {
  return access(node, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}
