import type { ByteQueue } from '../core/byte-queue.ts';
import { LabError } from '../core/errors.ts';

/**
 * USB/IP 1.1.1 (Linux Documentation/usb/usbip_protocol.rst): USB requests over TCP. Numbers are big endian; the setup packet is as on the bus.
 * One connection asks for the list of devices, another imports one and then carries its requests:
 *
 *     OP_REQ_DEVLIST ──▶ ◀── OP_REP_DEVLIST, end
 *     OP_REQ_IMPORT(busid) ──▶ ◀── OP_REP_IMPORT(device)      then: CMD_SUBMIT ──▶ ◀── RET_SUBMIT, in any order, by seqnum
 *                                                                   CMD_UNLINK ──▶ ◀── RET_UNLINK
 *
 * The `take…` functions remove one whole message from the queue and give it; `undefined`: not all has come. They throw `protocol.malformed` or
 * `protocol.too-long`; the connection is of no use then.
 */

const USBIP_VERSION = 0x0111;
const OP = { requestList: 0x8005, replyList: 0x0005, requestImport: 0x8003, replyImport: 0x0003 } as const;
const COMMAND = { submit: 1, unlink: 2, returnSubmit: 3, returnUnlink: 4 } as const;
const OP_HEADER_BYTES = 8;
const DEVICE_BYTES = 312;
const COMMAND_BYTES = 48;

/** Most bytes one transfer may carry, and most devices a list may name. */
export const USBIP_MAX_TRANSFER_BYTES = 16 * 1024 * 1024;
const MAX_DEVICES = 256;

/** Status of a request: a negated errno of Linux. */
export const USBIP_STATUS = {
  ok: 0,
  noSuchEntry: -2,
  noDevice: -19,
  stall: -32,
  overflow: -75,
  connectionReset: -104,
  shutdown: -108,
} as const;

/** enum usb_device_speed. */
export const USBIP_SPEED = { full: 2, high: 3 } as const;

export interface UsbipDeviceAbout {
  /** Path in the exporter's sysfs. */
  path: string;
  busId: string;
  busNumber: number;
  deviceNumber: number;
  speed: number;
  vendorId: number;
  productId: number;
  release: number;
  deviceClass: number;
  deviceSubclass: number;
  deviceProtocol: number;
  /** 0: not configured. */
  configurationValue: number;
  configurations: number;
  interfaceCount: number;
}

export interface UsbipInterfaceAbout {
  classCode: number;
  subclassCode: number;
  protocolCode: number;
}

export interface UsbipListed extends UsbipDeviceAbout {
  interfaces: UsbipInterfaceAbout[];
}

export type UsbipRequest = { kind: 'list' } | { kind: 'import'; busId: string };

export interface UsbipSubmit {
  kind: 'submit';
  sequence: number;
  deviceId: number;
  isIn: boolean;
  endpoint: number;
  /** Bytes asked for (in), or sent (out). */
  length: number;
  /** Eight bytes, zero unless the endpoint is 0. */
  setup: Uint8Array;
  /** What is sent; owned by the receiver. */
  data: Uint8Array;
}

export interface UsbipUnlink {
  kind: 'unlink';
  sequence: number;
  /** The request to take back. */
  target: number;
}

export type UsbipAnswer =
  /** `length`: bytes carried, either way; `data` holds them if the request was in. */
  | { kind: 'submitted'; sequence: number; status: number; length: number; data: Uint8Array }
  /** Status -104: taken back; 0: it had been answered before. */
  | { kind: 'unlinked'; sequence: number; status: number };

export function encodeListRequest(): Uint8Array<ArrayBuffer> {
  return opHeader(OP.requestList, 0, OP_HEADER_BYTES);
}

export function encodeImportRequest(busId: string): Uint8Array<ArrayBuffer> {
  const bytes = opHeader(OP.requestImport, 0, OP_HEADER_BYTES + 32);
  writeText(bytes, OP_HEADER_BYTES, 32, busId);
  return bytes;
}

export function encodeListReply(devices: readonly UsbipListed[]): Uint8Array<ArrayBuffer> {
  const size = devices.reduce((sum, { interfaces }) => sum + DEVICE_BYTES + 4 * interfaces.length, 12);
  const bytes = opHeader(OP.replyList, 0, size);
  new DataView(bytes.buffer).setUint32(8, devices.length);
  let at = 12;
  for (const device of devices) {
    writeDevice(bytes, at, { ...device, interfaceCount: device.interfaces.length });
    at += DEVICE_BYTES;
    for (const { classCode, subclassCode, protocolCode } of device.interfaces) {
      bytes.set([classCode, subclassCode, protocolCode, 0], at);
      at += 4;
    }
  }
  return bytes;
}

/** Without a device: refused (status 1). */
export function encodeImportReply(device: UsbipDeviceAbout | undefined): Uint8Array<ArrayBuffer> {
  if (!device) return opHeader(OP.replyImport, 1, OP_HEADER_BYTES);
  const bytes = opHeader(OP.replyImport, 0, OP_HEADER_BYTES + DEVICE_BYTES);
  writeDevice(bytes, OP_HEADER_BYTES, device);
  return bytes;
}

/** What a client opens its connection with. */
export function takeUsbipRequest(queue: ByteQueue): UsbipRequest | undefined {
  const head = queue.view(OP_HEADER_BYTES);
  if (!head) return undefined;
  const { code } = readOp(head);
  if (code === OP.requestList) {
    queue.skip(OP_HEADER_BYTES);
    return { kind: 'list' };
  }
  if (code !== OP.requestImport) throw malformed(`operation 0x${code.toString(16)}`);
  const whole = queue.take(OP_HEADER_BYTES + 32);
  return whole && { kind: 'import', busId: readText(whole, OP_HEADER_BYTES, 32) };
}

export function takeListReply(queue: ByteQueue): UsbipListed[] | undefined {
  const head = queue.view(12);
  if (!head) return undefined;
  checkReply(head, OP.replyList);
  const count = viewOf(head).getUint32(8);
  if (count > MAX_DEVICES) throw malformed(`a list of ${count} devices`);
  let size = 12;
  for (let index = 0; index < count; index++) {
    const interfaces = queue.peek(size + DEVICE_BYTES - 1);
    if (interfaces === undefined) return undefined;
    size += DEVICE_BYTES + 4 * interfaces;
  }
  const whole = queue.take(size);
  if (!whole) return undefined;
  const devices: UsbipListed[] = [];
  for (let at = 12; devices.length < count; ) {
    const device = readDevice(whole, at);
    at += DEVICE_BYTES;
    const interfaces = Array.from({ length: device.interfaceCount }, (_, index): UsbipInterfaceAbout => {
      const [classCode = 0, subclassCode = 0, protocolCode = 0] = whole.subarray(at + 4 * index);
      return { classCode, subclassCode, protocolCode };
    });
    at += 4 * interfaces.length;
    devices.push({ ...device, interfaces });
  }
  return devices;
}

/** `{}` without a device: the exporter refused. */
export function takeImportReply(queue: ByteQueue): { device?: UsbipDeviceAbout } | undefined {
  const head = queue.view(OP_HEADER_BYTES);
  if (!head) return undefined;
  const { code, status } = readOp(head);
  if (code !== OP.replyImport) throw malformed(`operation 0x${code.toString(16)}`);
  if (status !== 0) {
    queue.skip(OP_HEADER_BYTES);
    return {};
  }
  const whole = queue.take(OP_HEADER_BYTES + DEVICE_BYTES);
  return whole && { device: readDevice(whole, OP_HEADER_BYTES) };
}

/** `data` follows the header of a request out. */
export function encodeSubmit(submit: UsbipSubmit): Uint8Array<ArrayBuffer> {
  const bytes = commandHeader(COMMAND.submit, submit.sequence, COMMAND_BYTES + submit.data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, submit.deviceId);
  view.setUint32(12, submit.isIn ? 1 : 0);
  view.setUint32(16, submit.endpoint);
  view.setUint32(24, submit.length);
  // Not isochronous.
  view.setUint32(32, 0xffff_ffff);
  bytes.set(submit.setup, 40);
  bytes.set(submit.data, COMMAND_BYTES);
  return bytes;
}

export function encodeUnlink(sequence: number, deviceId: number, target: number): Uint8Array<ArrayBuffer> {
  const bytes = commandHeader(COMMAND.unlink, sequence, COMMAND_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, deviceId);
  view.setUint32(20, target);
  return bytes;
}

export function encodeSubmitted(
  sequence: number,
  status: number,
  length: number,
  data: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const bytes = commandHeader(COMMAND.returnSubmit, sequence, COMMAND_BYTES + data.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(20, status);
  view.setUint32(24, length);
  view.setUint32(32, 0xffff_ffff);
  bytes.set(data, COMMAND_BYTES);
  return bytes;
}

export function encodeUnlinked(sequence: number, status: number): Uint8Array<ArrayBuffer> {
  const bytes = commandHeader(COMMAND.returnUnlink, sequence, COMMAND_BYTES);
  new DataView(bytes.buffer).setInt32(20, status);
  return bytes;
}

export function takeUsbipCommand(queue: ByteQueue): UsbipSubmit | UsbipUnlink | undefined {
  const head = queue.view(COMMAND_BYTES);
  if (!head) return undefined;
  const view = viewOf(head);
  const command = view.getUint32(0);
  const sequence = view.getUint32(4);
  if (command === COMMAND.unlink) {
    const target = view.getUint32(20);
    queue.skip(COMMAND_BYTES);
    return { kind: 'unlink', sequence, target };
  }
  if (command !== COMMAND.submit) throw malformed(`command ${command}`);
  const isIn = view.getUint32(12) !== 0;
  const length = checkLength(view.getUint32(24));
  const packets = view.getUint32(32);
  if (packets !== 0 && packets !== 0xffff_ffff) throw malformed('an isochronous transfer');
  const about = { deviceId: view.getUint32(8), endpoint: view.getUint32(16), setup: head.slice(40, 48) };
  const whole = queue.take(COMMAND_BYTES + (isIn ? 0 : length));
  return whole && { kind: 'submit', sequence, isIn, length, ...about, data: whole.subarray(COMMAND_BYTES) };
}

/** `isIn`: whether the request of that number was in: only then bytes follow the header. */
export function takeUsbipAnswer(queue: ByteQueue, isIn: (sequence: number) => boolean): UsbipAnswer | undefined {
  const head = queue.view(COMMAND_BYTES);
  if (!head) return undefined;
  const view = viewOf(head);
  const command = view.getUint32(0);
  const sequence = view.getUint32(4);
  const status = view.getInt32(20);
  if (command === COMMAND.returnUnlink) {
    queue.skip(COMMAND_BYTES);
    return { kind: 'unlinked', sequence, status };
  }
  if (command !== COMMAND.returnSubmit) throw malformed(`command ${command}`);
  const length = checkLength(view.getUint32(24));
  const whole = queue.take(COMMAND_BYTES + (isIn(sequence) ? length : 0));
  return whole && { kind: 'submitted', sequence, status, length, data: whole.subarray(COMMAND_BYTES) };
}

function checkLength(length: number): number {
  if (length <= USBIP_MAX_TRANSFER_BYTES) return length;
  throw new LabError(
    'protocol.too-long',
    `A USB/IP message announces ${length} bytes; the limit is ${USBIP_MAX_TRANSFER_BYTES}. The connection is closed; nothing of it is used.`,
    { length },
  );
}

function opHeader(code: number, status: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, USBIP_VERSION);
  view.setUint16(2, code);
  view.setUint32(4, status);
  return bytes;
}

function readOp(bytes: Uint8Array): { code: number; status: number } {
  const view = viewOf(bytes);
  const version = view.getUint16(0);
  if (version !== USBIP_VERSION) throw malformed(`version 0x${version.toString(16)} (0x111 is understood)`);
  return { code: view.getUint16(2), status: view.getUint32(4) };
}

function checkReply(bytes: Uint8Array, wanted: number): void {
  const { code, status } = readOp(bytes);
  if (code !== wanted) throw malformed(`operation 0x${code.toString(16)}`);
  if (status !== 0) throw malformed(`status ${status} instead of a list`);
}

function commandHeader(command: number, sequence: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, command);
  view.setUint32(4, sequence);
  return bytes;
}

function writeDevice(bytes: Uint8Array<ArrayBuffer>, at: number, device: UsbipDeviceAbout): void {
  writeText(bytes, at, 256, device.path);
  writeText(bytes, at + 256, 32, device.busId);
  const view = new DataView(bytes.buffer, at);
  view.setUint32(288, device.busNumber);
  view.setUint32(292, device.deviceNumber);
  view.setUint32(296, device.speed);
  view.setUint16(300, device.vendorId);
  view.setUint16(302, device.productId);
  view.setUint16(304, device.release);
  const { deviceClass, deviceSubclass, deviceProtocol, configurationValue, configurations, interfaceCount } = device;
  bytes.set([deviceClass, deviceSubclass, deviceProtocol], at + 306);
  bytes.set([configurationValue, configurations, interfaceCount], at + 309);
}

function readDevice(bytes: Uint8Array, at: number): UsbipDeviceAbout {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, DEVICE_BYTES);
  return {
    path: readText(bytes, at, 256),
    busId: readText(bytes, at + 256, 32),
    busNumber: view.getUint32(288),
    deviceNumber: view.getUint32(292),
    speed: view.getUint32(296),
    vendorId: view.getUint16(300),
    productId: view.getUint16(302),
    release: view.getUint16(304),
    deviceClass: view.getUint8(306),
    deviceSubclass: view.getUint8(307),
    deviceProtocol: view.getUint8(308),
    configurationValue: view.getUint8(309),
    configurations: view.getUint8(310),
    interfaceCount: view.getUint8(311),
  };
}

/** Text with a NUL behind it, cut to the field. */
function writeText(bytes: Uint8Array, at: number, size: number, text: string): void {
  bytes.set(new TextEncoder().encode(text).subarray(0, size - 1), at);
}

function readText(bytes: Uint8Array, at: number, size: number): string {
  const field = bytes.subarray(at, at + size);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(what: string): LabError {
  return new LabError(
    'protocol.malformed',
    `The other side sent ${what}, which breaks USB/IP. The connection is closed. Check that a USB/IP server listens at this address.`,
  );
}
