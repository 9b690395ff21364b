import { crc32 } from 'node:zlib';
import type { Batch } from '../../core/batch.ts';
import { viewBatch } from '../../core/batch.ts';
import { LabError } from '../../core/errors.ts';
import { MAX_UNPACKED_BYTES, openCodec } from './chunk-codec.ts';
import { type ChunkHead, decodeChunkHead } from './chunk-record.ts';
import type { ChunkDigest } from './digest.ts';
import type { DiskFile } from './disk.ts';
import { readBytes, uint64At } from './disk-read.ts';
import { CHUNK_HEADER_BYTES, MESSAGE_HEADER_BYTES, RECORD_HEADER_BYTES } from './file-layout.ts';
import { unpackFrame } from './packed-frame.ts';

/** A message in a chunk; `data` borrows the chunk. */
export interface ChunkMessage {
  channel: number;
  sequence: number;
  logNs: bigint;
  publishNs: bigint;
  data: Uint8Array<ArrayBuffer>;
}

/** A chunk larger than this is not read: ours are about 1 MiB plus one batch. */
const MAX_CHUNK_BYTES = 1 << 30;

/**
 * The messages of the chunk at `offset`, unpacked, with its CRC checked.
 * @throws LabError recording.malformed: the chunk cannot be trusted; recording.packed: it may be sound, but not be unpacked here. Nothing of it is given.
 */
export async function readChunk(
  file: DiskFile,
  { offset, length }: Pick<ChunkDigest, 'offset' | 'length'>,
): Promise<ChunkMessage[]> {
  try {
    return messagesIn(await readRecords(file, offset, length));
  } catch (error) {
    if (!(error instanceof DamagedChunk)) throw error;
    throw new LabError(
      'recording.malformed',
      `The stretch of ${length} bytes at ${offset} of the recording is damaged (${error.message}); its samples are left out.`,
      { offset, length },
    );
  }
}

/** Why a chunk cannot be read, in a word. */
class DamagedChunk extends Error {}

async function readRecords(file: DiskFile, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  if (length < CHUNK_HEADER_BYTES || length > MAX_CHUNK_BYTES) throw new DamagedChunk('impossible length');
  const bytes = await readBytes(file, offset, length);
  if (bytes.byteLength < length) throw new DamagedChunk('the file ends inside it');
  const head = decodeChunkHead(bytes);
  if (!head || head.length !== length) throw new DamagedChunk('no chunk there');
  const stored = bytes.subarray(length - head.storedBytes);
  const records = head.compression === '' ? stored : await unpack(stored, head);
  if (crc32(records) !== head.crc) throw new DamagedChunk('checksum');
  return records;
}

async function unpack(stored: Uint8Array, head: ChunkHead): Promise<Uint8Array<ArrayBuffer>> {
  const { compression, unpackedBytes } = head;
  const codec = await openCodec(compression);
  if (!codec) throw packed(compression);
  if (unpackedBytes > MAX_UNPACKED_BYTES) throw new DamagedChunk('impossible length');
  const unpacked = await unpackFrame(codec, stored, unpackedBytes).catch((error: unknown) => {
    throw packed(compression, error);
  });
  if (typeof unpacked === 'string') throw new DamagedChunk(unpacked);
  return unpacked;
}

/** It says nothing about the chunk, so nobody may throw it away. */
function packed(compression: string, cause?: unknown): LabError {
  return new LabError(
    'recording.packed',
    `A stretch of the recording is packed with ${compression}, which cannot be unpacked here${cause instanceof Error ? ` (${cause.message})` : ''}. It was not changed; its samples are left out. Open it with a whole installation of Labwire on a machine with enough memory.`,
    { compression },
    { cause },
  );
}

/** Whether an error says of one chunk that it gives nothing, so that whoever wants the others may go on. */
export function isUnreadableChunk(error: unknown): error is LabError {
  return error instanceof LabError && (error.code === 'recording.malformed' || error.code === 'recording.packed');
}

/** The messages among the records of a chunk; they borrow the bytes. */
export function messagesIn(bytes: Uint8Array<ArrayBuffer>): ChunkMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.byteLength;
  const messages: ChunkMessage[] = [];
  for (let at = 0; at < length; ) {
    const content = length - at < RECORD_HEADER_BYTES ? Number.POSITIVE_INFINITY : uint64At(bytes, at + 1);
    const end = at + RECORD_HEADER_BYTES + content;
    if (end > length) throw new DamagedChunk('a record longer than the chunk');
    if (bytes[at] === 0x05) {
      if (end - at < MESSAGE_HEADER_BYTES) throw new DamagedChunk('a record too short');
      messages.push({
        channel: view.getUint16(at + 9, true),
        sequence: view.getUint32(at + 11, true),
        logNs: view.getBigUint64(at + 15, true),
        publishNs: view.getBigUint64(at + 23, true),
        data: bytes.subarray(at + MESSAGE_HEADER_BYTES, end),
      });
    }
    at = end;
  }
  return messages;
}

/**
 * The batches of one channel among the messages of a chunk, under the number the reader gave the stream. Where they are most of it they are laid over its
 * bytes, moved to where they are aligned: the messages cannot be read any more. Else each gets a buffer of its own, so that the chunk can go.
 */
export function takeBatches(messages: readonly ChunkMessage[], channel: number, stream: number): Batch[] {
  let bytes = 0;
  for (const message of messages) if (message.channel === channel) bytes += message.data.byteLength;
  const isMost = bytes > (messages[0]?.data.buffer.byteLength ?? 0) / 2;
  const batches: Batch[] = [];
  for (const message of messages) {
    if (message.channel !== channel) continue;
    const batch = isMost ? alignMessageBatch(message, stream) : copyMessageBatch(message, stream);
    if (batch) batches.push(batch);
  }
  return batches;
}

/** Moves the bytes of a message down to a multiple of 8, over its header. */
function alignMessageBatch({ data }: ChunkMessage, stream: number): Batch | undefined {
  const { buffer, byteOffset, byteLength } = data;
  const offset = byteOffset & ~7;
  new Uint8Array(buffer).copyWithin(offset, byteOffset, byteOffset + byteLength);
  const batch = viewBatch(buffer, offset, byteLength);
  if (!batch) return undefined;
  new DataView(buffer, offset).setUint32(8, stream, true);
  batch.stream = stream;
  return batch;
}

/** The batch in a message, in a buffer of its own, under the number the reader gave the stream; undefined if it is none. */
export function copyMessageBatch(message: ChunkMessage, stream: number): Batch | undefined {
  // Messages lie at any offset; the columns need 8-byte alignment.
  const buffer = message.data.slice().buffer;
  const batch = viewBatch(buffer);
  if (!batch) return undefined;
  new DataView(buffer).setUint32(8, stream, true);
  batch.stream = stream;
  return batch;
}
