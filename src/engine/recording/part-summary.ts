import { crc32 } from 'node:zlib';
import type { DiskFile } from './disk.ts';
import { readBytes, uint64At } from './disk-read.ts';
import { DIGEST_ATTACHMENT, FOOTER_BYTES, MAGIC_BYTES, RECORD_HEADER_BYTES } from './file-layout.ts';
import { decodeRecords, type McapRecord } from './part-records.ts';
import { parseRecordBytes } from './part-walk.ts';

/** The end of a finished file. */
export interface PartTail {
  summaryStart: number;
  summaryCrc: number;
  /** Footer and magic, and the bytes before the summary: checksums of index and digests, so that no other file ends like it. */
  bytes: Uint8Array<ArrayBuffer>;
}

/** What the summary of a finished file says. */
export interface PartSummary {
  records: McapRecord[];
  chunks: number;
  /** All digests, one behind the other. */
  digests: Uint8Array<ArrayBuffer>;
}

/** Footer and magic. */
const END_BYTES = FOOTER_BYTES + MAGIC_BYTES;
/** Before the summary: the CRC of the attachment and the record DataEnd. */
const BEFORE_BYTES = 17;
/** Of the bytes of a tail. */
export const TAIL_BYTES = END_BYTES + BEFORE_BYTES;
const MAX_SUMMARY_BYTES = 512 << 20;
const MAX_METADATA_BYTES = 64 << 20;

/** The end of a file; undefined if it was not finished. */
export async function readTail(file: DiskFile, size: number): Promise<PartTail | undefined> {
  const end = await readBytes(file, Math.max(0, size - END_BYTES), END_BYTES);
  const footer = parseRecordBytes(end);
  if (footer?.type !== 'Footer') return undefined;
  const summaryStart = Number(footer.summaryStart);
  const length = size - END_BYTES - summaryStart;
  if (summaryStart < BEFORE_BYTES || length <= 0 || length > MAX_SUMMARY_BYTES) return undefined;
  const bytes = new Uint8Array(TAIL_BYTES);
  bytes.set(end);
  bytes.set(await readBytes(file, summaryStart - BEFORE_BYTES, BEFORE_BYTES), END_BYTES);
  return { summaryStart, summaryCrc: footer.summaryCrc, bytes };
}

/** From the summary and the attachment of digests; undefined if one of them is missing or broken. */
export async function readSummary(file: DiskFile, size: number, tail: PartTail): Promise<PartSummary | undefined> {
  const summary = await readBytes(file, tail.summaryStart, size - END_BYTES - tail.summaryStart);
  // The CRC covers the summary and the footer up to the CRC (spec, "Footer").
  const footer = tail.bytes.subarray(0, FOOTER_BYTES - 4);
  if (crc32(footer, crc32(summary)) !== tail.summaryCrc) return undefined;
  const records: McapRecord[] = [];
  let digests: Uint8Array<ArrayBuffer> | undefined;
  let chunks = 0;
  for (const record of decodeRecords(summary) ?? []) {
    if (record.type === 'Channel') records.push(record);
    else if (record.type === 'ChunkIndex') chunks++;
    else if (record.type === 'MetadataIndex') {
      const length = Math.min(Number(record.length), MAX_METADATA_BYTES);
      const metadata = parseRecordBytes(await readBytes(file, Number(record.offset), length));
      if (metadata?.type !== 'Metadata') return undefined;
      records.push(metadata);
    } else if (record.type === 'AttachmentIndex' && record.name === DIGEST_ATTACHMENT) {
      digests = await readAttachment(file, Number(record.offset), Number(record.length), size);
    }
  }
  return digests && { records, chunks, digests };
}

/** The data of an attachment record (spec, "Attachment"); the digests in it carry their own checksums. */
async function readAttachment(
  file: DiskFile,
  offset: number,
  length: number,
  size: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  // Opcode and length, log time, create time, length of the name.
  const fixed = RECORD_HEADER_BYTES + 16 + 4;
  if (offset + length > size || length < fixed) return undefined;
  const bytes = await readBytes(file, offset, length);
  if (bytes.byteLength < length || bytes[0] !== 0x09) return undefined;
  const view = new DataView(bytes.buffer);
  let at = RECORD_HEADER_BYTES + 16;
  for (let text = 0; text < 2; text++) {
    if (at + 4 > length) return undefined;
    at += 4 + view.getUint32(at, true);
  }
  if (at + 8 > length) return undefined;
  const dataBytes = uint64At(bytes, at);
  return at + 8 + dataBytes <= length ? bytes.subarray(at + 8, at + 8 + dataBytes) : undefined;
}
