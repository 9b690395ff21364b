/** Bytes of a message header (IVI-6.1 2.3). */
export const HISLIP_HEADER_BYTES = 16;

/** A message header: prologue `HS`, type u8, control code u8, parameter u32, payload length u64; big endian. */
export interface HislipHeader {
  type: number;
  control: number;
  /** 0 … 2³²-1. */
  parameter: number;
  payloadBytes: number;
}

const PROLOGUE = 0x4853;

/** Writes a header into the first 16 bytes of `target`. */
export function writeHislipHeader(target: Uint8Array, header: HislipHeader): void {
  const view = new DataView(target.buffer, target.byteOffset, HISLIP_HEADER_BYTES);
  view.setUint16(0, PROLOGUE);
  view.setUint8(2, header.type);
  view.setUint8(3, header.control);
  view.setUint32(4, header.parameter);
  view.setUint32(8, Math.floor(header.payloadBytes / 0x1_0000_0000));
  view.setUint32(12, header.payloadBytes % 0x1_0000_0000);
}

/** A whole message in a buffer of its own. For Data of size the header goes before the bytes instead, so that they are not copied. */
export function encodeHislip(type: number, control = 0, parameter = 0, payload?: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HISLIP_HEADER_BYTES + (payload?.length ?? 0));
  writeHislipHeader(bytes, { type, control, parameter, payloadBytes: payload?.length ?? 0 });
  if (payload) bytes.set(payload, HISLIP_HEADER_BYTES);
  return bytes;
}

/** The header in the first 16 bytes; undefined if it does not begin with the prologue, or announces more than 2⁵³ bytes. */
export function readHislipHeader(bytes: Uint8Array): HislipHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HISLIP_HEADER_BYTES);
  if (view.getUint16(0) !== PROLOGUE) return undefined;
  const high = view.getUint32(8);
  if (high >= 0x20_0000) return undefined;
  return {
    type: view.getUint8(2),
    control: view.getUint8(3),
    parameter: view.getUint32(4),
    payloadBytes: high * 0x1_0000_0000 + view.getUint32(12),
  };
}

/** The eight bytes of AsyncMaximumMessageSize and its answer (6.10). */
export function encodeHislipSize(size: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(size / 0x1_0000_0000));
  view.setUint32(4, size % 0x1_0000_0000);
  return bytes;
}

/** A size as sent; sizes beyond 2⁵³ are given as 2⁵³-1. Undefined unless it is eight bytes. */
export function decodeHislipSize(bytes: Uint8Array): number | undefined {
  if (bytes.length !== 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return Math.min(Number.MAX_SAFE_INTEGER, view.getUint32(0) * 0x1_0000_0000 + view.getUint32(4));
}
