import {
  encodeConfiguration,
  encodeDeviceDescriptor,
  encodeStringDescriptor,
  USB_DESCRIPTOR,
  USB_STANDARD,
} from '../../protocol/usb-descriptor.ts';
import type { SetupPacket, UsbOutcome, UsbPeripheral } from './usb-peripheral.ts';

const NOTHING = new Uint8Array(0);
const ENGLISH = Uint8Array.of(4, USB_DESCRIPTOR.string, 0x09, 0x04);
/** SET_FEATURE(PORT_RESET), which USB/IP clients send to the device itself. */
const PORT_RESET = { requestType: 0x23, request: USB_STANDARD.setFeature, value: 4 };

/** Requests every device answers (USB 2.0 9.4); undefined: none of them, it goes to the function. */
export function standardRequest(
  peripheral: UsbPeripheral,
  setup: SetupPacket,
): { outcome: UsbOutcome; data: Uint8Array } | undefined {
  const { requestType, request, value, index, length } = setup;
  if (requestType === PORT_RESET.requestType && request === PORT_RESET.request && value === PORT_RESET.value) {
    peripheral.reset();
    return { outcome: 'ok', data: NOTHING };
  }
  if ((requestType & 0x60) !== 0) return undefined;
  if (request === USB_STANDARD.getDescriptor) {
    const descriptor = findDescriptor(peripheral, value >> 8, value & 0xff);
    return descriptor ? { outcome: 'ok', data: descriptor.subarray(0, length) } : { outcome: 'stall', data: NOTHING };
  }
  if (request === USB_STANDARD.getConfiguration) {
    return { outcome: 'ok', data: Uint8Array.of(peripheral.configuration.value) };
  }
  if (request === USB_STANDARD.setConfiguration) {
    return { outcome: value === peripheral.configuration.value ? 'ok' : 'stall', data: NOTHING };
  }
  if (request === USB_STANDARD.clearFeature && requestType === 0x02) {
    peripheral.clearHalt(index & 0xff);
    return { outcome: 'ok', data: NOTHING };
  }
  return { outcome: 'stall', data: NOTHING };
}

function findDescriptor(peripheral: UsbPeripheral, kind: number, index: number): Uint8Array | undefined {
  if (kind === USB_DESCRIPTOR.device) return encodeDeviceDescriptor(peripheral.descriptor);
  if (kind === USB_DESCRIPTOR.configuration) {
    return index === 0 ? encodeConfiguration(peripheral.configuration) : undefined;
  }
  if (kind !== USB_DESCRIPTOR.string) return undefined;
  const text = peripheral.strings[index - 1];
  return index === 0 ? ENGLISH : text === undefined ? undefined : encodeStringDescriptor(text);
}
