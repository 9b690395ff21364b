import { trimUsbText } from '../../../protocol/usb-descriptor.ts';
import type { UsbIdentity } from './usb-device.ts';

/** Stands for the serial number of a device without one: a resource string must have something there. */
const NO_SERIAL = '-';

/**
 * The serial number as a resource string holds it. Firmware pads serials with NULs and blanks and puts in what it likes; what would break the
 * string (`::`, control characters) is an underscore.
 */
export function resourceSerial(serial: string | undefined): string {
  const text = trimUsbText(serial ?? '');
  let safe = '';
  for (const character of text) safe += character < ' ' || character === '\x7f' ? '_' : character;
  return safe.replaceAll('::', '__') || NO_SERIAL;
}

/** Whether a serial number of a resource string is that of a device. */
export function isSerialOf(wanted: string, identity: UsbIdentity): boolean {
  return resourceSerial(identity.serial) === resourceSerial(wanted === NO_SERIAL ? undefined : wanted);
}

/** The canonical resource of an interface of a device. `way`: `USB0`, or `USBIP0::host[,port]`. */
export function usbResource(
  way: string,
  { vendorId, productId, serial }: UsbIdentity,
  { interfaceNumber = 0, isRaw = false } = {},
): string {
  const face = interfaceNumber === 0 ? '' : `::${interfaceNumber}`;
  return `${way}::${hexId(vendorId)}::${hexId(productId)}::${resourceSerial(serial)}${face}::${isRaw ? 'RAW' : 'INSTR'}`;
}

/** `0x1AB1` */
export function hexId(id: number): string {
  return `0x${id.toString(16).toUpperCase().padStart(4, '0')}`;
}
