import { LabError } from '../core/errors.ts';

/** Standard descriptors of USB 2.0 chapter 9, read and written; numbers are little endian. */

export const USB_DESCRIPTOR = { device: 1, configuration: 2, string: 3, interface: 4, endpoint: 5 } as const;
/** bRequest of the standard requests used here (table 9-4). */
export const USB_STANDARD = {
  clearFeature: 1,
  setFeature: 3,
  getDescriptor: 6,
  getConfiguration: 8,
  setConfiguration: 9,
} as const;

export type UsbDirection = 'in' | 'out';
export type UsbEndpointType = 'control' | 'isochronous' | 'bulk' | 'interrupt';
const ENDPOINT_TYPES: readonly UsbEndpointType[] = ['control', 'isochronous', 'bulk', 'interrupt'];

export interface UsbEndpointInfo {
  /** 1…15. */
  number: number;
  direction: UsbDirection;
  type: UsbEndpointType;
  /** wMaxPacketSize: a shorter packet ends a transfer. */
  packetSize: number;
}

export interface UsbInterfaceInfo {
  number: number;
  classCode: number;
  subclassCode: number;
  protocolCode: number;
  endpoints: UsbEndpointInfo[];
}

export interface UsbConfigurationInfo {
  /** bConfigurationValue. */
  value: number;
  /** Alternate setting 0 of each interface. */
  interfaces: UsbInterfaceInfo[];
}

export interface UsbDeviceDescriptor {
  vendorId: number;
  productId: number;
  /** bcdDevice. */
  release: number;
  deviceClass: number;
  deviceSubclass: number;
  deviceProtocol: number;
  /** Index of the string, 0: none. */
  makerIndex: number;
  productIndex: number;
  serialIndex: number;
  configurations: number;
}

const DEVICE_BYTES = 18;
const CONFIGURATION_BYTES = 9;

/** Throws `protocol.malformed`. */
export function decodeDeviceDescriptor(bytes: Uint8Array): UsbDeviceDescriptor {
  if (bytes.length < DEVICE_BYTES || bytes[1] !== USB_DESCRIPTOR.device) throw malformed('device descriptor');
  const view = viewOf(bytes);
  return {
    vendorId: view.getUint16(8, true),
    productId: view.getUint16(10, true),
    release: view.getUint16(12, true),
    deviceClass: view.getUint8(4),
    deviceSubclass: view.getUint8(5),
    deviceProtocol: view.getUint8(6),
    makerIndex: view.getUint8(14),
    productIndex: view.getUint8(15),
    serialIndex: view.getUint8(16),
    configurations: view.getUint8(17),
  };
}

export function encodeDeviceDescriptor(device: UsbDeviceDescriptor): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(DEVICE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set([DEVICE_BYTES, USB_DESCRIPTOR.device, 0x00, 0x02]);
  bytes.set([device.deviceClass, device.deviceSubclass, device.deviceProtocol, 64], 4);
  view.setUint16(8, device.vendorId, true);
  view.setUint16(10, device.productId, true);
  view.setUint16(12, device.release, true);
  bytes.set([device.makerIndex, device.productIndex, device.serialIndex, device.configurations], 14);
  return bytes;
}

/** wTotalLength of a configuration whose first nine bytes are given. Throws `protocol.malformed`. */
export function configurationTotal(bytes: Uint8Array): number {
  if (bytes.length < CONFIGURATION_BYTES || bytes[1] !== USB_DESCRIPTOR.configuration)
    throw malformed('configuration descriptor');
  return viewOf(bytes).getUint16(2, true);
}

/** A whole configuration: its interfaces and their endpoints; descriptors of other kinds are passed over. Throws `protocol.malformed`. */
export function decodeConfiguration(bytes: Uint8Array): UsbConfigurationInfo {
  const total = Math.min(configurationTotal(bytes), bytes.length);
  const view = viewOf(bytes);
  const interfaces: UsbInterfaceInfo[] = [];
  let current: UsbInterfaceInfo | undefined;
  for (let at = 0; at < total; ) {
    const length = view.getUint8(at);
    if (length < 2 || at + length > total) throw malformed('configuration descriptor');
    const kind = view.getUint8(at + 1);
    if (kind === USB_DESCRIPTOR.interface && length >= 9) {
      current = {
        number: view.getUint8(at + 2),
        classCode: view.getUint8(at + 5),
        subclassCode: view.getUint8(at + 6),
        protocolCode: view.getUint8(at + 7),
        endpoints: [],
      };
      // Alternate settings other than 0 are never selected.
      if (view.getUint8(at + 3) === 0) interfaces.push(current);
    } else if (kind === USB_DESCRIPTOR.endpoint && length >= 7) {
      const address = view.getUint8(at + 2);
      current?.endpoints.push({
        number: address & 0x0f,
        direction: address & 0x80 ? 'in' : 'out',
        type: ENDPOINT_TYPES[view.getUint8(at + 3) & 3] ?? 'control',
        // Bits 11 and 12 count transactions of a microframe.
        packetSize: view.getUint16(at + 4, true) & 0x7ff,
      });
    }
    at += length;
  }
  return { value: view.getUint8(5), interfaces };
}

export function encodeConfiguration(configuration: UsbConfigurationInfo): Uint8Array<ArrayBuffer> {
  const parts: number[] = [];
  for (const { number, classCode, subclassCode, protocolCode, endpoints } of configuration.interfaces) {
    parts.push(9, USB_DESCRIPTOR.interface, number, 0, endpoints.length, classCode, subclassCode, protocolCode, 0);
    for (const endpoint of endpoints) {
      const address = endpoint.number | (endpoint.direction === 'in' ? 0x80 : 0);
      const { packetSize } = endpoint;
      const interval = endpoint.type === 'interrupt' ? 1 : 0;
      parts.push(7, USB_DESCRIPTOR.endpoint, address, ENDPOINT_TYPES.indexOf(endpoint.type));
      parts.push(packetSize & 0xff, packetSize >> 8, interval);
    }
  }
  const total = CONFIGURATION_BYTES + parts.length;
  const head = [CONFIGURATION_BYTES, USB_DESCRIPTOR.configuration, total & 0xff, total >> 8];
  // Self-powered (bit 7 is always set), 2 mA.
  return Uint8Array.from([...head, configuration.interfaces.length, configuration.value, 0, 0xc0, 1, ...parts]);
}

/** Text of a string descriptor (UTF-16). NULs and blanks at its ends are no part of it: firmware pads with them. Throws `protocol.malformed`. */
export function decodeStringDescriptor(bytes: Uint8Array): string {
  const length = bytes[0] ?? 0;
  if (length < 2 || length > bytes.length || bytes[1] !== USB_DESCRIPTOR.string) throw malformed('string descriptor');
  let text = '';
  const view = viewOf(bytes);
  for (let at = 2; at + 1 < length; at += 2) text += String.fromCharCode(view.getUint16(at, true));
  return trimUsbText(text);
}

/** At most 126 UTF-16 units fit. */
export function encodeStringDescriptor(text: string): Uint8Array<ArrayBuffer> {
  const units = text.slice(0, 126);
  const bytes = new Uint8Array(2 + 2 * units.length);
  const view = new DataView(bytes.buffer);
  bytes.set([bytes.length, USB_DESCRIPTOR.string]);
  for (let index = 0; index < units.length; index++) view.setUint16(2 + 2 * index, units.charCodeAt(index), true);
  return bytes;
}

/** First language of string descriptor 0; English (0x0409) if it names none. */
export function decodeLanguage(bytes: Uint8Array): number {
  return bytes.length >= 4 && bytes[1] === USB_DESCRIPTOR.string ? viewOf(bytes).getUint16(2, true) : 0x0409;
}

/** A text of firmware without the NULs, control characters and blanks at its ends. */
export function trimUsbText(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 32) start++;
  while (end > start && text.charCodeAt(end - 1) <= 32) end--;
  return text.slice(start, end);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(what: string): LabError {
  return new LabError(
    'protocol.malformed',
    `The USB device sent a broken ${what}. It is not opened. Plug it in again.`,
  );
}
