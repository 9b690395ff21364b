import { McapRecordBuilder } from '@mcap/core';
import { uint64At } from './disk-read.ts';
import { CHUNK_HEADER_BYTES, RECORD_HEADER_BYTES } from './file-layout.ts';

/** What the header of a chunk record says. */
export interface ChunkHead {
  startNs: bigint;
  endNs: bigint;
  /** Of its records before packing. */
  unpackedBytes: number;
  crc: number;
  /** '' or the MCAP name of the compression. */
  compression: string;
  /** Of its records as they are in the file. */
  storedBytes: number;
}

/** Where the records begin in a chunk record. */
export function chunkHeadBytes(compression: string): number {
  return CHUNK_HEADER_BYTES + compression.length;
}

/** The header of a chunk record (https://mcap.dev/spec#chunk-op0x06), up to its records. */
export function encodeChunkHead(head: ChunkHead): Uint8Array {
  const bytes = new Uint8Array(chunkHeadBytes(head.compression));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x06);
  view.setBigUint64(1, BigInt(bytes.byteLength - 9 + head.storedBytes), true);
  view.setBigUint64(9, head.startNs, true);
  view.setBigUint64(17, head.endNs, true);
  view.setBigUint64(25, BigInt(head.unpackedBytes), true);
  view.setUint32(33, head.crc, true);
  view.setUint32(37, head.compression.length, true);
  for (let index = 0; index < head.compression.length; index++) {
    view.setUint8(41 + index, head.compression.charCodeAt(index));
  }
  view.setBigUint64(41 + head.compression.length, BigInt(head.storedBytes), true);
  return bytes;
}

/** Names that are long or no plain text are no names of a compression. */
const MAX_NAME = 16;

/**
 * What the header at the start of these bytes says; undefined if they are none, or too few. Three of its fields must say the same length, so garbage does
 * not look like one; whether the compression is known is for the reader to see.
 */
export function decodeChunkHead(bytes: Uint8Array): (ChunkHead & { length: number }) | undefined {
  if (bytes.byteLength < CHUNK_HEADER_BYTES || bytes[0] !== 0x06) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nameLength = view.getUint32(37, true);
  if (nameLength > MAX_NAME || bytes.byteLength < CHUNK_HEADER_BYTES + nameLength) return undefined;
  const compression = String.fromCharCode(...bytes.subarray(41, 41 + nameLength));
  if (!/^[!-~]*$/.test(compression)) return undefined;
  const length = uint64At(bytes, 1) + RECORD_HEADER_BYTES;
  const storedBytes = uint64At(bytes, 41 + nameLength);
  const unpackedBytes = uint64At(bytes, 25);
  if (storedBytes + CHUNK_HEADER_BYTES + nameLength !== length) return undefined;
  if (compression === '' ? unpackedBytes !== storedBytes : !Number.isSafeInteger(unpackedBytes)) return undefined;
  return {
    length,
    startNs: view.getBigUint64(9, true),
    endNs: view.getBigUint64(17, true),
    unpackedBytes,
    crc: view.getUint32(33, true),
    compression,
    storedBytes,
  };
}

/** Bytes that surely hold the header of a chunk. */
export const MAX_CHUNK_HEAD_BYTES = CHUNK_HEADER_BYTES + MAX_NAME;

/** The ChunkIndex record of a chunk, for the summary. `length`: of the chunk record. */
export function chunkIndexRecord(chunk: {
  offset: number;
  length: number;
  startNs: bigint;
  endNs: bigint;
  compression: string;
  unpackedBytes: number;
  messageIndexOffsets: Map<number, bigint>;
  messageIndexLength: number;
}): Uint8Array {
  const records = new McapRecordBuilder();
  records.writeChunkIndex({
    messageStartTime: chunk.startNs,
    messageEndTime: chunk.endNs,
    chunkStartOffset: BigInt(chunk.offset),
    chunkLength: BigInt(chunk.length),
    messageIndexOffsets: chunk.messageIndexOffsets,
    messageIndexLength: BigInt(chunk.messageIndexLength),
    compression: chunk.compression,
    compressedSize: BigInt(chunk.length - chunkHeadBytes(chunk.compression)),
    uncompressedSize: BigInt(chunk.unpackedBytes),
  });
  return records.buffer;
}
