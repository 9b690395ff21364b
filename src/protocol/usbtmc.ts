import { LabError } from '../core/errors.ts';

/**
 * USB Test and Measurement Class 1.0 (USBTMC) and its subclass USB488 1.0: the headers of bulk transfers, the control requests with their
 * status codes, the capabilities, and what comes on the interrupt endpoint. Numbers are little endian. Pure: bytes in, values out.
 *
 *     bulk OUT   DEV_DEP_MSG_OUT(tag, size, EOM) data…  padding to 4
 *     bulk OUT   REQUEST_DEV_DEP_MSG_IN(tag, max, TermChar)
 *     bulk IN    DEV_DEP_MSG_IN(the same tag, size, EOM) data…  up to 3 bytes of alignment, then a short packet
 */

/** Application class, subclass test and measurement (USBTMC table 43); protocol 1 is USB488. */
export const USBTMC_CLASS = 0xfe;
export const USBTMC_SUBCLASS = 0x03;
export const USB488_PROTOCOL = 1;

/** Every bulk transfer begins with a header of this size; packets that continue it have none. */
export const USBTMC_HEADER_BYTES = 12;

/** MsgID, USBTMC table 2; trigger: USB488 table 1. */
export const USBTMC_MESSAGE = { out: 1, requestIn: 2, in: 2, trigger: 128 } as const;

/** bRequest, USBTMC table 15 and USB488 table 9. */
export const USBTMC_REQUEST = {
  initiateAbortBulkOut: 1,
  checkAbortBulkOut: 2,
  initiateAbortBulkIn: 3,
  checkAbortBulkIn: 4,
  initiateClear: 5,
  checkClear: 6,
  getCapabilities: 7,
  indicatorPulse: 64,
  readStatusByte: 128,
  renControl: 160,
  goToLocal: 161,
  localLockout: 162,
} as const;

/** USBTMC_status, table 16; `interruptBusy`: USB488 table 10. */
export const USBTMC_STATUS = {
  success: 0x01,
  pending: 0x02,
  interruptBusy: 0x20,
  failed: 0x80,
  notInProgress: 0x81,
  splitNotInProgress: 0x82,
  splitInProgress: 0x83,
} as const;

export interface UsbtmcCapabilities {
  hasIndicatorPulse: boolean;
  isTalkOnly: boolean;
  isListenOnly: boolean;
  /** The device ends a read at a termination character. */
  hasTermChar: boolean;
  /** USB488 table 8: an IEEE 488.2 device, takes REN_CONTROL, GO_TO_LOCAL and LOCAL_LOCKOUT, takes TRIGGER. */
  is4882: boolean;
  hasRemoteLocal: boolean;
  hasTrigger: boolean;
  isScpi: boolean;
}

/** What came on the interrupt endpoint: a service request, or the status byte asked for by READ_STATUS_BYTE with that tag. */
export type UsbtmcNotification =
  | { kind: 'service-request'; statusByte: number }
  | { kind: 'status-byte'; tag: number; statusByte: number };

/** bTag of the next bulk transfer: 1…255, never 0. */
export function nextBulkTag(tag: number): number {
  return tag >= 255 ? 1 : tag + 1;
}

/** bTag of the next READ_STATUS_BYTE: 2…127 (USB488 4.3.1). */
export function nextStatusTag(tag: number): number {
  return tag >= 127 || tag < 2 ? 2 : tag + 1;
}

/** A whole DEV_DEP_MSG_OUT transfer: header, a copy of the bytes, zeros up to a multiple of four (3.2, rule 5). */
export function encodeMessageOut(tag: number, bytes: Uint8Array, end: boolean): Uint8Array<ArrayBuffer> {
  const transfer = header(USBTMC_MESSAGE.out, tag, paddedSize(USBTMC_HEADER_BYTES + bytes.length));
  setSize(transfer, bytes.length);
  transfer[8] = end ? 1 : 0;
  transfer.set(bytes, USBTMC_HEADER_BYTES);
  return transfer;
}

/** REQUEST_DEV_DEP_MSG_IN: the device may send up to `max` bytes. */
export function encodeRequestIn(tag: number, max: number, termChar?: number): Uint8Array<ArrayBuffer> {
  const transfer = header(USBTMC_MESSAGE.requestIn, tag, USBTMC_HEADER_BYTES);
  setSize(transfer, max);
  if (termChar !== undefined) {
    transfer[8] = 2;
    transfer[9] = termChar;
  }
  return transfer;
}

/** USB488 3.2.1.1. */
export function encodeTrigger(tag: number): Uint8Array<ArrayBuffer> {
  return header(USBTMC_MESSAGE.trigger, tag, USBTMC_HEADER_BYTES);
}

/** A whole DEV_DEP_MSG_IN transfer, as a device sends it. */
export function encodeMessageIn(
  tag: number,
  bytes: Uint8Array,
  { end, isTermChar }: { end: boolean; isTermChar: boolean },
): Uint8Array<ArrayBuffer> {
  const transfer = header(USBTMC_MESSAGE.in, tag, USBTMC_HEADER_BYTES + bytes.length);
  setSize(transfer, bytes.length);
  transfer[8] = (end ? 1 : 0) | (isTermChar ? 2 : 0);
  transfer.set(bytes, USBTMC_HEADER_BYTES);
  return transfer;
}

export interface MessageInHeader {
  tag: number;
  size: number;
  /** EOM: the message ends with this transfer. */
  end: boolean;
  isTermChar: boolean;
}

/** The first bytes of a bulk IN transfer; undefined if there are not 12 yet. Throws `protocol.malformed`. */
export function decodeMessageIn(bytes: Uint8Array): MessageInHeader | undefined {
  if (bytes.length < USBTMC_HEADER_BYTES) return undefined;
  checkTag(bytes);
  if (bytes[0] !== USBTMC_MESSAGE.in) throw malformed(`message ${bytes[0]} where an answer (2) was asked for`);
  const attributes = bytes[8] ?? 0;
  return { tag: bytes[1] ?? 0, size: sizeOf(bytes), end: (attributes & 1) !== 0, isTermChar: (attributes & 2) !== 0 };
}

export type BulkOutHeader =
  | { kind: 'message'; tag: number; size: number; end: boolean }
  | { kind: 'request'; tag: number; max: number; termChar: number | undefined }
  | { kind: 'trigger'; tag: number };

/** The first bytes of a bulk OUT transfer, as a device reads them; undefined if there are not 12 yet. Throws `protocol.malformed`. */
export function decodeBulkOut(bytes: Uint8Array): BulkOutHeader | undefined {
  if (bytes.length < USBTMC_HEADER_BYTES) return undefined;
  checkTag(bytes);
  const tag = bytes[1] ?? 0;
  const attributes = bytes[8] ?? 0;
  const size = sizeOf(bytes);
  if (bytes[0] === USBTMC_MESSAGE.trigger) return { kind: 'trigger', tag };
  if (size === 0) throw malformed('a transfer of no bytes');
  if (bytes[0] === USBTMC_MESSAGE.out) return { kind: 'message', tag, size, end: (attributes & 1) !== 0 };
  if (bytes[0] !== USBTMC_MESSAGE.requestIn) throw malformed(`message ${bytes[0]}, which is none of the class`);
  return { kind: 'request', tag, max: size, termChar: (attributes & 2) !== 0 ? bytes[9] : undefined };
}

/** The 24 bytes of GET_CAPABILITIES (table 37, USB488 table 8); shorter answers have the rest as zero. Throws `protocol.malformed`. */
export function decodeCapabilities(bytes: Uint8Array): UsbtmcCapabilities {
  if (bytes.length < 6) throw malformed(`capabilities of ${bytes.length} bytes`);
  const bit = (index: number, mask: number): boolean => ((bytes[index] ?? 0) & mask) !== 0;
  return {
    hasIndicatorPulse: bit(4, 4),
    isTalkOnly: bit(4, 2),
    isListenOnly: bit(4, 1),
    hasTermChar: bit(5, 1),
    is4882: bit(14, 4),
    hasRemoteLocal: bit(14, 2),
    hasTrigger: bit(14, 1),
    isScpi: bit(15, 8),
  };
}

export function encodeCapabilities(has: UsbtmcCapabilities): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(24);
  bytes[0] = USBTMC_STATUS.success;
  bytes[3] = 1;
  bytes[4] = (has.hasIndicatorPulse ? 4 : 0) | (has.isTalkOnly ? 2 : 0) | (has.isListenOnly ? 1 : 0);
  bytes[5] = has.hasTermChar ? 1 : 0;
  bytes[13] = 1;
  bytes[14] = (has.is4882 ? 4 : 0) | (has.hasRemoteLocal ? 2 : 0) | (has.hasTrigger ? 1 : 0);
  // SR1, RL1 and DT1 follow from what the interface takes.
  bytes[15] = (has.isScpi ? 8 : 0) | 4 | (has.hasRemoteLocal ? 2 : 0) | (has.hasTrigger ? 1 : 0);
  return bytes;
}

/** Two bytes of the interrupt endpoint (USB488 3.4); undefined: none of the subclass (vendor specific, reserved). */
export function decodeNotification(bytes: Uint8Array): UsbtmcNotification | undefined {
  const [first = 0, statusByte] = bytes;
  if (statusByte === undefined || first < 0x81) return undefined;
  return first === 0x81
    ? { kind: 'service-request', statusByte }
    : { kind: 'status-byte', tag: first & 0x7f, statusByte };
}

export function encodeNotification(notification: UsbtmcNotification): Uint8Array<ArrayBuffer> {
  const tag = notification.kind === 'service-request' ? 1 : notification.tag;
  return Uint8Array.of(0x80 | tag, notification.statusByte);
}

/** Bytes with their padding to a multiple of four. */
export function paddedSize(size: number): number {
  return Math.ceil(size / 4) * 4;
}

function header(message: number, tag: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  bytes[0] = message;
  bytes[1] = tag;
  bytes[2] = ~tag & 0xff;
  return bytes;
}

function setSize(bytes: Uint8Array<ArrayBuffer>, size: number): void {
  new DataView(bytes.buffer).setUint32(4, size, true);
}

function sizeOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(4, true);
}

function checkTag(bytes: Uint8Array): void {
  const [, tag = 0, inverse = 0] = bytes;
  if (tag === 0 || inverse !== (~tag & 0xff)) throw malformed(`tag ${tag} with inverse ${inverse}`);
}

function malformed(what: string): LabError {
  return new LabError(
    'protocol.malformed',
    `The USB instrument sent ${what}, which breaks USBTMC. Nothing of it is used. Ask again; if it stays, switch the instrument off and on.`,
  );
}
