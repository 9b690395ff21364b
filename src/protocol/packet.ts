import { crc32 } from './crc.ts';

/**
 * Packets of the streaming DAQ (docs/protocols/daq.md). On the wire: COBS(packet) 0x00. Little endian.
 *
 *     data   0 u8 1    1 u8 channels   2 u16 rows   4 u32 run   8 u64 first row   16 int16 channel by channel: rows of channel 0, rows of channel 1, …
 *     reply  0 u8 2    1 UTF-8 text of one reply
 *     end    0 u8 3    1 u8 channels   2 u16 0      4 u32 run   8 u64 rows of the run, dropped ones too
 *
 * All end with u32 CRC-32 of everything before it. `run` counts the starts. The row number moves on over rows the device dropped.
 */
export const PACKET = { data: 1, reply: 2, end: 3 } as const;
export const PACKET_HEADER_BYTES = 16;
export const PACKET_CRC_BYTES = 4;
/** Largest packet a receiver takes. */
export const MAX_PACKET_BYTES = 65_536;

export interface PacketHeader {
  type: number;
  channels: number;
  rows: number;
  run: number;
  firstRow: number;
}

export function packetBytes(channels: number, rows: number): number {
  return PACKET_HEADER_BYTES + channels * rows * 2 + PACKET_CRC_BYTES;
}

/** Writes the header of a data or end packet. */
export function writePacketHeader(view: DataView, header: PacketHeader): void {
  view.setUint8(0, header.type);
  view.setUint8(1, header.channels);
  view.setUint16(2, header.rows, true);
  view.setUint32(4, header.run, true);
  view.setUint32(8, header.firstRow % 0x1_0000_0000, true);
  view.setUint32(12, Math.floor(header.firstRow / 0x1_0000_0000), true);
}

/** Reads the header of a data or end packet whose length is `length` with its CRC; undefined if the length does not fit it. */
export function parsePacketHeader(view: DataView, length: number): PacketHeader | undefined {
  if (length < PACKET_HEADER_BYTES + PACKET_CRC_BYTES) return undefined;
  const header = {
    type: view.getUint8(0),
    channels: view.getUint8(1),
    rows: view.getUint16(2, true),
    run: view.getUint32(4, true),
    firstRow: view.getUint32(12, true) * 0x1_0000_0000 + view.getUint32(8, true),
  };
  if (header.type !== PACKET.data && header.type !== PACKET.end) return undefined;
  return length === packetBytes(header.channels, header.rows) ? header : undefined;
}

/** Puts the CRC after `length` bytes; gives the whole length. */
export function sealPacket(bytes: Uint8Array, view: DataView, length: number): number {
  view.setUint32(length, crc32(bytes, 0, length), true);
  return length + PACKET_CRC_BYTES;
}

/** CRC-32 (IEEE 802.3) of bytes from `start` to `end`. Node has a native one, several times as fast as ours. */
export type Crc32 = (bytes: Uint8Array, start: number, end: number) => number;

/** Whether the last four of `length` bytes are the CRC of the rest. */
export function isPacketSound(bytes: Uint8Array, view: DataView, length: number, crc: Crc32 = crc32): boolean {
  const end = length - PACKET_CRC_BYTES;
  return end > 0 && view.getUint32(end, true) === crc(bytes, 0, end);
}
