import type { LabError } from '../../../core/errors.ts';
import type { UsbConfigurationInfo, UsbDirection } from '../../../protocol/usb-descriptor.ts';

/** A control request. `recipient` and `type` are of bmRequestType (USB 2.0 table 9-2). */
export interface UsbSetup {
  type: 'standard' | 'class' | 'vendor';
  recipient: 'device' | 'interface' | 'endpoint' | 'other';
  request: number;
  value: number;
  index: number;
}

export interface UsbTransferOptions {
  /** Longest wait; absent: as long as it takes. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface UsbInResult {
  status: 'ok' | 'stall' | 'babble';
  /** Owned by the caller. */
  bytes: Uint8Array;
}

export interface UsbOutResult {
  status: 'ok' | 'stall';
  bytesWritten: number;
}

/** What identifies a device on the bus; texts as far as they could be read. */
export interface UsbIdentity {
  vendorId: number;
  productId: number;
  maker: string | undefined;
  product: string | undefined;
  serial: string | undefined;
}

/**
 * A USB device in the shape of WebUSB, by the package `usb` or by USB/IP on a socket. Duties:
 * - Requests before `open` reject with `transport.closed`.
 * - A transfer ends with a short packet or when `length` is full; `length` of an IN transfer is a multiple of the packet size.
 * - A stalled endpoint is a status, never a throw. Throws `transport.timeout`, the reason of the signal, `transport.closed` (the device is gone).
 * - A transfer that is timed out or aborted is off the bus when its promise settles. If it was complete before, it resolves. Bytes of one that was
 *   not are lost, unless it was of one packet: then there are none.
 * - Two transfers on one endpoint at a time are the caller's mistake; different endpoints do not wait for each other.
 * - `close` releases what was claimed, gives the kernel its driver back, and may be called twice.
 */
export interface UsbDevice {
  /** Texts are known once it is open; before, as far as the system knows them. */
  readonly identity: UsbIdentity;
  /** The active configuration; known once it is open. */
  readonly configuration: UsbConfigurationInfo;
  /** Resolves when the device has vanished: unplugged, switched off, exporter gone. */
  readonly gone: Promise<LabError>;
  /** Throws `transport.denied` (with the udev rule to paste), `transport.busy`, `transport.not-found`, `transport.failed`. */
  open(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
  selectConfiguration(value: number): Promise<void>;
  /** The kernel's driver, if one holds it, is detached. */
  claimInterface(number: number): Promise<void>;
  releaseInterface(number: number): Promise<void>;
  controlTransferIn(setup: UsbSetup, length: number, options?: UsbTransferOptions): Promise<UsbInResult>;
  controlTransferOut(setup: UsbSetup, bytes: Uint8Array, options?: UsbTransferOptions): Promise<UsbOutResult>;
  transferIn(endpoint: number, length: number, options?: UsbTransferOptions): Promise<UsbInResult>;
  /** `bytes` may not be changed before it settles. */
  transferOut(endpoint: number, bytes: Uint8Array, options?: UsbTransferOptions): Promise<UsbOutResult>;
  clearHalt(direction: UsbDirection, endpoint: number): Promise<void>;
  reset(): Promise<void>;
}
