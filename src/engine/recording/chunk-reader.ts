import { crc32 } from 'node:zlib';
import type { Batch } from '../../core/batch.ts';
import { viewBatch } from '../../core/batch.ts';
import { LabError } from '../../core/errors.ts';
import type { ChunkDigest } from './digest.ts';
import type { DiskFile } from './disk.ts';
import { readBytes, uint64At } from './disk-read.ts';
import { CHUNK_HEADER_BYTES, MESSAGE_HEADER_BYTES, RECORD_HEADER_BYTES } from './file-layout.ts';

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
 * The messages of the chunk at `offset`, with its CRC checked.
 * @throws LabError recording.malformed: the chunk cannot be trusted, nothing of it is given.
 */
export async function readChunk(
  file: DiskFile,
  { offset, length }: Pick<ChunkDigest, 'offset' | 'length'>,
): Promise<ChunkMessage[]> {
  const fail = (why: string): LabError =>
    new LabError(
      'recording.malformed',
      `The stretch of ${length} bytes at ${offset} of the recording is damaged (${why}); its samples are left out.`,
      {
        offset,
        length,
      },
    );
  if (length < CHUNK_HEADER_BYTES || length > MAX_CHUNK_BYTES) throw fail('impossible length');
  const bytes = await readBytes(file, offset, length);
  if (bytes.byteLength < length) throw fail('the file ends inside it');
  const view = new DataView(bytes.buffer);
  if (bytes[0] !== 0x06 || uint64At(bytes, 1) + RECORD_HEADER_BYTES !== length) throw fail('no chunk there');
  const records = bytes.subarray(CHUNK_HEADER_BYTES);
  if (view.getUint32(37, true) !== 0 || uint64At(bytes, 41) !== records.byteLength) throw fail('unknown compression');
  if (crc32(records) !== view.getUint32(33, true)) throw fail('checksum');
  const messages: ChunkMessage[] = [];
  for (let at = CHUNK_HEADER_BYTES; at < length; ) {
    const end =
      at +
      RECORD_HEADER_BYTES +
      (length - at < RECORD_HEADER_BYTES ? Number.POSITIVE_INFINITY : uint64At(bytes, at + 1));
    if (end > length) throw fail('a record longer than the chunk');
    if (bytes[at] === 0x05) {
      if (end - at < MESSAGE_HEADER_BYTES) throw fail('a record too short');
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
