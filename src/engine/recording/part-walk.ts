import { McapStreamReader } from '@mcap/core';
import type { LabError } from '../../core/errors.ts';
import { decodeChunkHead, MAX_CHUNK_HEAD_BYTES } from './chunk-record.ts';
import type { ChunkDigest } from './digest.ts';
import { decodeDigest } from './digest-codec.ts';
import type { DiskFile } from './disk.ts';
import { ForwardReader, uint64At } from './disk-read.ts';
import { CHUNK_HEADER_BYTES, DIGEST_OPCODE, MAGIC_BYTES, RECORD_HEADER_BYTES } from './file-layout.ts';

/** A chunk as its header says; its content is not read. */
export interface WalkedChunk {
  offset: number;
  length: number;
  startNs: bigint;
  endNs: bigint;
  /** '' or the MCAP name of its compression. */
  compression: string;
  unpackedBytes: number;
  /** Its message indexes, as far as they are there. */
  indexes: { channel: number; offset: number; messages: number; length: number }[];
  /** Undefined if it is missing or broken. */
  digest: ChunkDigest | undefined;
  digestBytes: Uint8Array | undefined;
  /** After the last record that belongs to it. */
  end: number;
}

/** A small record (schema, channel, metadata, …) with its content. */
export interface WalkedRecord {
  offset: number;
  length: number;
  record: NonNullable<ReturnType<McapStreamReader['nextRecord']>>;
}

export interface PartWalk {
  chunks: WalkedChunk[];
  records: WalkedRecord[];
  /** After the last record of the data section that is sound: where writing may go on. */
  end: number;
  /** Bytes after `end`, of which nothing can be read. */
  cutBytes: number;
  /** Stretches in the middle that are no records. */
  damaged: { offset: number; bytes: number }[];
  /** Why chunks that should have been read back could not be unpacked here: whether they are sound is not known. */
  packed?: LabError;
}

/** Records other than chunks are small; one that says otherwise is broken. */
const MAX_RECORD_BYTES = 64 << 20;
const OPCODE = { chunk: 0x06, messageIndex: 0x07, attachment: 0x09, dataEnd: 0x0f } as const;
const SMALL_RECORDS = new Set([0x01, 0x03, 0x04, 0x0c]);

/**
 * Walks the records of a file from header to header, without its index: for files cut off, still being written, or damaged. A length that
 * lies, an unknown opcode or garbage is stepped over by looking for the next chunk. Reads a few bytes per chunk. Never throws for what it finds.
 */
export async function walkPart(file: DiskFile, size: number): Promise<PartWalk> {
  const reader = new ForwardReader(file);
  const walk: PartWalk = { chunks: [], records: [], end: MAGIC_BYTES, cutBytes: 0, damaged: [] };
  let at = MAGIC_BYTES;
  while (at < size) {
    const length = await stepRecord(reader, at, size, walk);
    if (length === 'end') return walk;
    if (length > 0) {
      at += length;
      continue;
    }
    const next = await findChunk(file, at + 1, size);
    if (next === undefined) break;
    walk.damaged.push({ offset: at, bytes: next - at });
    at = next;
  }
  walk.cutBytes = size - walk.end;
  return walk;
}

/** Takes the record at `at` into the walk; gives its length, 0 if it is none, 'end' at the end of the data section. */
async function stepRecord(reader: ForwardReader, at: number, size: number, walk: PartWalk): Promise<number | 'end'> {
  const head = await reader.view(at, RECORD_HEADER_BYTES);
  if (head.byteLength < RECORD_HEADER_BYTES) return 0;
  const opcode = head[0] as number;
  const content = uint64At(head, 1);
  const length = RECORD_HEADER_BYTES + content;
  if (at + length > size) return 0;
  if (opcode === OPCODE.dataEnd) return content === 4 ? 'end' : 0;
  if (opcode === OPCODE.chunk) {
    const chunk = parseChunkHead(await reader.view(at, MAX_CHUNK_HEAD_BYTES), at);
    if (!chunk || chunk.length !== length) return 0;
    walk.chunks.push(chunk);
    walk.end = chunk.end;
    return length;
  }
  if (length > MAX_RECORD_BYTES) return 0;
  const chunk = walk.chunks.at(-1);
  if (opcode === OPCODE.messageIndex) {
    const index = await reader.view(at, RECORD_HEADER_BYTES + 6);
    const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
    if (content < 6 || view.getUint32(11, true) !== content - 6 || (content - 6) % 16 !== 0) return 0;
    if (chunk && chunk.end === at) {
      chunk.indexes.push({ channel: view.getUint16(9, true), offset: at, messages: (content - 6) / 16, length });
      chunk.end = at + length;
      walk.end = chunk.end;
    }
    return length;
  }
  if (opcode === DIGEST_OPCODE) {
    const bytes = (await reader.view(at, length)).slice(RECORD_HEADER_BYTES);
    const decoded = decodeDigest(bytes);
    if (!decoded || decoded.end !== bytes.byteLength) return 0;
    if (chunk && chunk.end === at && decoded.digest.offset === chunk.offset && decoded.digest.length === chunk.length) {
      chunk.digest = decoded.digest;
      chunk.digestBytes = bytes;
      chunk.end = at + length;
      walk.end = chunk.end;
    }
    return length;
  }
  if (SMALL_RECORDS.has(opcode)) {
    const record = parseRecordBytes(await reader.view(at, length));
    if (!record) return 0;
    walk.records.push({ offset: at, length, record });
    walk.end = at + length;
    return length;
  }
  // An attachment is written when the file is finished: whoever goes on with the file writes it again.
  return opcode === OPCODE.attachment || opcode > DIGEST_OPCODE ? length : 0;
}

/** One record from its bytes; undefined if they are none. */
export function parseRecordBytes(bytes: Uint8Array): WalkedRecord['record'] | undefined {
  try {
    const reader = new McapStreamReader({ noMagicPrefix: true });
    reader.append(bytes);
    return reader.nextRecord();
  } catch {
    return undefined;
  }
}

/** The chunk whose header is at the start of `head`; undefined if there is none. */
function parseChunkHead(head: Uint8Array, offset: number): WalkedChunk | undefined {
  const found = decodeChunkHead(head);
  if (!found) return undefined;
  const { length, startNs, endNs, compression, unpackedBytes } = found;
  return {
    offset,
    length,
    startNs,
    endNs,
    compression,
    unpackedBytes,
    indexes: [],
    digest: undefined,
    digestBytes: undefined,
    end: offset + length,
  };
}

/** Where the next whole chunk starts at or after `from`. */
async function findChunk(file: DiskFile, from: number, size: number): Promise<number | undefined> {
  const reader = new ForwardReader(file, 1 << 20);
  for (let at = from; at + CHUNK_HEADER_BYTES <= size; ) {
    const window = await reader.view(at, Math.min(1 << 20, size - at));
    const isEnd = at + window.byteLength >= size;
    const last = window.byteLength - (isEnd ? CHUNK_HEADER_BYTES : MAX_CHUNK_HEAD_BYTES);
    if (last < 0) return undefined;
    for (
      let index = window.indexOf(OPCODE.chunk);
      index >= 0 && index <= last;
      index = window.indexOf(OPCODE.chunk, index + 1)
    ) {
      const chunk = parseChunkHead(window.subarray(index, index + MAX_CHUNK_HEAD_BYTES), at + index);
      if (chunk && chunk.offset + chunk.length <= size) return at + index;
    }
    at += last + 1;
  }
  return undefined;
}
