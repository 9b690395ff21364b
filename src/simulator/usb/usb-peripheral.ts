import type { UsbConfigurationInfo, UsbDeviceDescriptor } from '../../protocol/usb-descriptor.ts';

/** A setup packet (USB 2.0 table 9-2). */
export interface SetupPacket {
  /** bmRequestType. */
  requestType: number;
  request: number;
  value: number;
  index: number;
  length: number;
}

/** What a transfer ended with; a stall is an endpoint that is halted, or a request the device does not know. */
export type UsbOutcome = 'ok' | 'stall';

/** A USB device without its cable: what a host controller does to it. One client at a time. */
export interface UsbPeripheral {
  readonly descriptor: UsbDeviceDescriptor;
  readonly configuration: UsbConfigurationInfo;
  /** Strings by index from 1. */
  readonly strings: readonly string[];
  /** A client has it from now on; `cut` pulls the cable. */
  attach(cut: () => void): void;
  detach(): void;
  /** A bus reset. */
  reset(): void;
  /** Class and vendor requests. */
  control(setup: SetupPacket, data: Uint8Array): Promise<{ outcome: UsbOutcome; data: Uint8Array }>;
  /** Resolves when the device has taken the bytes; aborted: rejects. */
  out(endpoint: number, bytes: Uint8Array, signal: AbortSignal): Promise<UsbOutcome>;
  /** Waits until `length` bytes or a short packet came; aborted: rejects, and what was not given stays. */
  in(endpoint: number, length: number, signal: AbortSignal): Promise<{ outcome: UsbOutcome; data: Uint8Array }>;
  /** CLEAR_FEATURE(ENDPOINT_HALT). `address` has bit 7 set for IN. */
  clearHalt(address: number): void;
}

export function parseSetup(bytes: Uint8Array): SetupPacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return {
    requestType: view.getUint8(0),
    request: view.getUint8(1),
    value: view.getUint16(2, true),
    index: view.getUint16(4, true),
    length: view.getUint16(6, true),
  };
}
