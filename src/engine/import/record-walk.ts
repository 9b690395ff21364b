import { crc32 } from 'node:zlib';
import type { TypedMcapRecords } from '@mcap/core';
import { MAX_UNPACKED_BYTES, openCodec } from '../recording/chunk-codec.ts';
import { decodeChunkHead } from '../recording/chunk-record.ts';
import type { DiskFile } from '../recording/disk.ts';
import { ForwardReader, readBytes, uint64At } from '../recording/disk-read.ts';
import { MAGIC_BYTES, RECORD_HEADER_BYTES } from '../recording/file-layout.ts';
import { parseRecordBytes } from '../recording/part-walk.ts';
import { importFailed } from './import-error.ts';

const OPCODE = { schema: 0x03, channel: 0x04, message: 0x05, chunk: 0x06, dataEnd: 0x0f } as const;
const MOST_RECORD_BYTES = 64 << 20;

export type AnyRecord =
  | { type: 'schema'; schema: TypedMcapRecords['Schema'] }
  | { type: 'channel'; channel: TypedMcapRecords['Channel'] }
  | { type: 'message'; channel: number; logNs: bigint; data: Uint8Array }
  /** Between records of the file: bytes read so far. */
  | { type: 'place'; bytes: number };

/**
 * The schemas, channels and messages of any MCAP file (https://mcap.dev/spec), in the order of the file, chunks unpacked. Everything else is stepped over.
 * A file that ends too early gives what is before its end.
 * @throws LabError import.failed: a chunk is damaged, or packed in a way not known here
 */
export async function* walkMcap(file: DiskFile, path: string): AsyncGenerator<AnyRecord> {
  const size = await file.size();
  const reader = new ForwardReader(file);
  for (let at = MAGIC_BYTES; at + RECORD_HEADER_BYTES <= size; ) {
    const head = await reader.view(at, RECORD_HEADER_BYTES);
    const opcode = head[0] as number;
    const length = RECORD_HEADER_BYTES + uint64At(head, 1);
    if (opcode === OPCODE.dataEnd || at + length > size) return;
    if (opcode === OPCODE.chunk) yield* recordsIn(await unpackChunk(file, path, at, length), path);
    else if (opcode >= OPCODE.schema && opcode <= OPCODE.message) {
      if (length > MOST_RECORD_BYTES) throw tooLong(path, at, length);
      const record = parseAny(await readBytes(file, at, length));
      if (record) yield record;
    }
    at += length;
    yield { type: 'place', bytes: at };
  }
}

async function unpackChunk(file: DiskFile, path: string, at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const fail = (why: string): never => {
    throw importFailed(path, `the stretch of ${length} bytes at ${at} ${why}`, 'Get a sound copy of the file.');
  };
  if (length > MAX_UNPACKED_BYTES) throw tooLong(path, at, length);
  const bytes = await readBytes(file, at, length);
  const head = decodeChunkHead(bytes);
  if (!head || head.length !== length) return fail('is no chunk of records');
  if (head.unpackedBytes > MAX_UNPACKED_BYTES) throw tooLong(path, at, head.unpackedBytes);
  const stored = bytes.subarray(length - head.storedBytes);
  let records: Uint8Array<ArrayBuffer> = stored;
  if (head.compression !== '') {
    const codec = await openCodec(head.compression);
    if (!codec) return fail(`is packed with “${head.compression}”, which is not known here`);
    records = await codec.unpack(stored, head.unpackedBytes).catch((): never => fail('is damaged (compression)'));
  }
  // 0: its writer computed none.
  if (head.crc !== 0 && crc32(records) !== head.crc) return fail('is damaged (checksum)');
  return records;
}

function* recordsIn(bytes: Uint8Array<ArrayBuffer>, path: string): Generator<AnyRecord> {
  for (let at = 0; at + RECORD_HEADER_BYTES <= bytes.byteLength; ) {
    const length = RECORD_HEADER_BYTES + uint64At(bytes, at + 1);
    if (at + length > bytes.byteLength) {
      throw importFailed(path, 'a record is longer than the chunk it is in', 'Get a sound copy of the file.');
    }
    const record = parseAny(bytes.subarray(at, at + length));
    if (record) yield record;
    at += length;
  }
}

function parseAny(bytes: Uint8Array): AnyRecord | undefined {
  if (bytes[0] === OPCODE.message) {
    if (bytes.byteLength < RECORD_HEADER_BYTES + 22) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return {
      type: 'message',
      channel: view.getUint16(9, true),
      logNs: view.getBigUint64(15, true),
      data: bytes.subarray(31),
    };
  }
  if (bytes[0] !== OPCODE.schema && bytes[0] !== OPCODE.channel) return undefined;
  const record = parseRecordBytes(bytes);
  if (record?.type === 'Schema') return { type: 'schema', schema: record };
  return record?.type === 'Channel' ? { type: 'channel', channel: record } : undefined;
}

function tooLong(path: string, at: number, length: number): Error {
  return importFailed(
    path,
    `the record at ${at} takes ${Math.round(length / 2 ** 20)} MiB, more than is unpacked at once`,
    'Write the file anew with smaller chunks (mcap compress does).',
  );
}
