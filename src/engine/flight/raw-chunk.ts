import type { ClosedChunk } from '../recording/chunk.ts';
import { readChunk } from '../recording/chunk-reader.ts';
import { chunkIndexRecord } from '../recording/chunk-record.ts';
import type { ChunkDigest } from '../recording/digest.ts';
import { encodeDigest } from '../recording/digest-codec.ts';
import type { DiskFile } from '../recording/disk.ts';
import { readBytes } from '../recording/disk-read.ts';
import { DIGEST_OPCODE, RECORD_HEADER_BYTES } from '../recording/file-layout.ts';
import type { WalkedChunk } from '../recording/part-walk.ts';

/** A chunk of a file as it lies there, packed or not, with its message indexes, to be appended to another file. */
export interface RawChunk {
  /** MCAP channels with messages in it. */
  channels: number[];
  close(offset: number): ClosedChunk;
}

/** Undefined if it has no index or digest of its own: then it cannot be taken as it is. */
export async function readRawChunk(file: DiskFile, walked: WalkedChunk): Promise<RawChunk | undefined> {
  const { offset, length, digest, indexes } = walked;
  // Checks its sum: what is damaged is not copied as if it were sound.
  const messages = await readChunk(file, walked);
  const counted = indexes.reduce((sum, index) => sum + index.messages, 0);
  if (!digest || counted !== messages.length) return undefined;
  const indexBytes = indexes.reduce((sum, index) => sum + index.length, 0);
  const bytes = await readBytes(file, offset, length + indexBytes);
  return {
    channels: indexes.map(({ channel }) => channel),
    close: (at) => closeAt(at, walked, digest, bytes, messages.length),
  };
}

function closeAt(
  at: number,
  walked: WalkedChunk,
  digest: ChunkDigest,
  bytes: Uint8Array,
  messages: number,
): ClosedChunk {
  const { offset, length, startNs, endNs, compression, unpackedBytes, indexes } = walked;
  const moved = encodeDigest({ ...digest, offset: at });
  return {
    buffers: [bytes, digestHeader(moved.byteLength), moved],
    bytes: bytes.byteLength + RECORD_HEADER_BYTES + moved.byteLength,
    indexRecord: chunkIndexRecord({
      offset: at,
      length,
      startNs,
      endNs,
      compression,
      unpackedBytes,
      messageIndexOffsets: new Map(indexes.map((index) => [index.channel, BigInt(index.offset - offset + at)])),
      messageIndexLength: bytes.byteLength - length,
    }),
    digest: moved,
    messages,
    startNs,
    endNs,
    counts: new Map(indexes.map((index) => [index.channel, index.messages])),
    streams: digest.streams,
  };
}

function digestHeader(length: number): Uint8Array {
  const head = new Uint8Array(RECORD_HEADER_BYTES);
  const view = new DataView(head.buffer);
  view.setUint8(0, DIGEST_OPCODE);
  view.setBigUint64(1, BigInt(length), true);
  return head;
}
