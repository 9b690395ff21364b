import { LabError } from '../../../core/errors.ts';
import type { Resource } from '../../../core/resource-shape.ts';
import type { UsbInterfaceInfo } from '../../../protocol/usb-descriptor.ts';
import { USBTMC_CLASS, USBTMC_SUBCLASS, type UsbtmcCapabilities } from '../../../protocol/usbtmc.ts';
import type { Transport } from '../transport.ts';
import type { UsbDevice, UsbIdentity } from './usb-device.ts';
import { identityOf, listPackageDevices, loadUsbPackage, PackageUsbDevice, type UsbPackage } from './usb-package.ts';
import { UsbRawTransport } from './usb-raw-transport.ts';
import { hexId, isSerialOf, resourceSerial } from './usb-resource.ts';
import { listUsbipExports } from './usbip-client.ts';
import { UsbipDevice } from './usbip-device.ts';
import { UsbtmcFunction, usbtmcEndpoints } from './usbtmc-function.ts';
import { type UsbtmcQuirks, usbtmcQuirks } from './usbtmc-quirks.ts';
import { type UsbtmcOptions, UsbtmcTransport } from './usbtmc-transport.ts';

export interface UsbOptions extends UsbtmcOptions {
  /** Longest wait for a USB/IP exporter; default 5000. */
  connectTimeoutMs?: number | undefined;
  /** Instead of those of the table, for a device that is not in it. */
  quirks?: UsbtmcQuirks | undefined;
  /** The package `usb`; another in tests. */
  load?: (() => Promise<UsbPackage>) | undefined;
  signal?: AbortSignal | undefined;
}

type UsbResource = Extract<Resource, { kind: 'usb' }>;

/**
 * Opens a USB instrument: of this computer by the package `usb`, of another by USB/IP. Throws `transport.not-found` (with the serial numbers that
 * are there), `transport.denied` (with the udev rule to paste), `transport.busy`, `transport.unsupported` (no such interface),
 * `discovery.unavailable` as `resource.unsupported` where there is no USB; nothing stays open then.
 */
export async function openUsb(resource: UsbResource, options: UsbOptions = {}): Promise<Transport> {
  const device = await (resource.usbip ? openExported(resource, options) : openLocal(resource, options));
  try {
    return await openInterface(device, resource, options);
  } catch (error) {
    await device.close();
    throw error;
  }
}

/** Whether an interface is a USBTMC one. */
export function isUsbtmc({ classCode, subclassCode }: { classCode: number; subclassCode: number }): boolean {
  return classCode === USBTMC_CLASS && subclassCode === USBTMC_SUBCLASS;
}

async function openInterface(device: UsbDevice, resource: UsbResource, options: UsbOptions): Promise<Transport> {
  const { canonical, isRaw, vendorId, productId } = resource;
  const face = findInterface(device.configuration.interfaces, resource);
  const endpoints = face && usbtmcEndpoints(face);
  if (!face || !endpoints) {
    const what = isRaw ? 'interface with bulk endpoints' : 'USBTMC interface';
    const message = `${canonical} has no ${what} ${resource.interfaceNumber}. Nothing is open. Look at the list of instruments for what the device has.`;
    throw new LabError('transport.unsupported', message, { resource: canonical });
  }
  const quirks = options.quirks ?? usbtmcQuirks(vendorId, productId);
  // Before the claim: on Linux a reset gives claimed interfaces back.
  if (!isRaw && quirks.needsResetAtOpen) await device.reset().catch(() => {});
  await device.claimInterface(face.number);
  if (isRaw) return new UsbRawTransport(canonical, device, endpoints);
  const owner = new UsbtmcFunction(device, endpoints);
  const capabilities = await readCapabilities(owner);
  return new UsbtmcTransport(canonical, owner, { capabilities, quirks }, options);
}

/** `::0`, or no number, is the first interface of the class. */
function findInterface(
  interfaces: readonly UsbInterfaceInfo[],
  { interfaceNumber, isRaw }: UsbResource,
): UsbInterfaceInfo | undefined {
  const exact = interfaces.find(({ number }) => number === interfaceNumber);
  if (isRaw || (exact && isUsbtmc(exact))) return exact;
  return interfaceNumber === 0 ? interfaces.find(isUsbtmc) : undefined;
}

/** A device that does not tell can do nothing beyond reading and writing. */
async function readCapabilities(owner: UsbtmcFunction): Promise<UsbtmcCapabilities> {
  try {
    return await owner.capabilities();
  } catch (error) {
    if (error instanceof LabError && error.code !== 'protocol.malformed') throw error;
    const none = { hasIndicatorPulse: false, isTalkOnly: false, isListenOnly: false, hasTermChar: false };
    return { ...none, is4882: false, hasRemoteLocal: false, hasTrigger: false, isScpi: false };
  }
}

async function openLocal(resource: UsbResource, options: UsbOptions): Promise<UsbDevice> {
  const load = options.load ?? loadUsbPackage;
  const devices = await listPackageDevices(load).catch((error: unknown) => {
    const { message } = LabError.from(error);
    throw new LabError(
      'resource.unsupported',
      `${resource.canonical} cannot be opened. ${message}`,
      {},
      { cause: error },
    );
  });
  const same = devices.filter(({ vendorId, productId }) => isModel(resource, { vendorId, productId }));
  const found = same.find((device) => isSerialOf(resource.serial, identityOf(device)));
  if (!found) throw notFound(resource, same.map(identityOf));
  const device = new PackageUsbDevice(found, await load());
  try {
    await device.open(options.signal);
    return device;
  } catch (error) {
    await device.close();
    throw error;
  }
}

/** The exporter's list has no serial numbers: devices of the model are imported in turn until one has the right one. */
async function openExported(resource: UsbResource, { connectTimeoutMs, signal }: UsbOptions): Promise<UsbDevice> {
  const { canonical } = resource;
  const host = resource.usbip ?? { host: '', port: 0 };
  const exports = await listUsbipExports(host, { connectTimeoutMs, signal });
  const others: UsbIdentity[] = [];
  let refusal: unknown;
  for (const { busId, vendorId, productId } of exports.filter((one) => isModel(resource, one))) {
    const device = new UsbipDevice({ ...host, busId, vendorId, productId, resource: canonical, connectTimeoutMs });
    try {
      await device.open(signal);
      if (isSerialOf(resource.serial, device.identity)) return device;
      others.push(device.identity);
    } catch (error) {
      if (!(error instanceof LabError) || error.code !== 'transport.busy') throw error;
      refusal = error;
    }
    await device.close();
  }
  throw refusal ?? notFound(resource, others);
}

function isModel(resource: UsbResource, { vendorId, productId }: { vendorId: number; productId: number }): boolean {
  return resource.vendorId === vendorId && resource.productId === productId;
}

function notFound({ canonical, vendorId, productId }: UsbResource, others: readonly UsbIdentity[]): LabError {
  const serials = others.map(({ serial }) => resourceSerial(serial));
  const seen =
    serials.length === 0
      ? `No device ${hexId(vendorId)}:${hexId(productId)} is plugged in and switched on`
      : `Devices of this model are there, but with other serial numbers (${serials.slice(0, 8).join(', ')})`;
  return new LabError(
    'transport.not-found',
    `${canonical} is not there. ${seen}. Nothing is open. Look at the list of instruments.`,
    {
      resource: canonical,
      serials,
    },
  );
}
