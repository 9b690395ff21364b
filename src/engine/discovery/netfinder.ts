/**
 * NetFinder, the way Prologix GPIB-ETHERNET adapters are found (as their maker's own tool for Unix speaks it): a datagram to UDP port 3040 of the broadcast address, answered
 * by each adapter. All numbers big-endian.
 *
 *     0      1      2 … 3      4 … 9              10 … 11
 *     0x5A   id     sequence   ethernet address   0          request: id 0, address all ones
 *     12 … 13       14 … 16              17     18      19        20 … 23   24 … 27   28 … 31        reply: id 1
 *     days up       hours, min, s up     mode   alert   ip type   address   mask      gateway
 */
export const NETFINDER_PORT = 3040;

const MAGIC = 0x5a;
const IDENTIFY = 0;
const IDENTIFY_REPLY = 1;
const HEADER_BYTES = 12;
const ADDRESS_AT = 20;
const REPLY_BYTES = 32;

export interface FoundAdapter {
  host: string;
  /** `00-21-69-01-02-03` */
  ethernet: string;
}

/** The question, with a number its answers carry. */
export function encodeIdentify(sequence: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, MAGIC);
  view.setUint8(1, IDENTIFY);
  view.setUint16(2, sequence & 0xffff);
  bytes.fill(0xff, 4, 10);
  return bytes;
}

/** An answer to that question; undefined for anything else. */
export function decodeIdentifyReply(bytes: Uint8Array, sequence: number): FoundAdapter | undefined {
  if (bytes.length < REPLY_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint8(0) !== MAGIC || view.getUint8(1) !== IDENTIFY_REPLY) return undefined;
  if (view.getUint16(2) !== (sequence & 0xffff)) return undefined;
  const host = [...bytes.subarray(ADDRESS_AT, ADDRESS_AT + 4)].join('.');
  const ethernet = [...bytes.subarray(4, 10)].map((byte) => byte.toString(16).padStart(2, '0')).join('-');
  return host === '0.0.0.0' ? undefined : { host, ethernet };
}
