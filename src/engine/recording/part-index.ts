import { crc32 } from 'node:zlib';
import { McapStreamReader } from '@mcap/core';
import { streamInfo } from '../../contract/instrument-schema.ts';
import { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { copyMessageBatch, readChunk } from './chunk-reader.ts';
import type { ChunkDigest } from './digest.ts';
import { addToDigest, cellRows, createStreamDigest } from './digest.ts';
import { decodeDigest } from './digest-codec.ts';
import type { Disk, DiskFile } from './disk.ts';
import { diskError } from './disk.ts';
import { readBytes } from './disk-read.ts';
import {
  DIGEST_ATTACHMENT,
  EVENT_CHANNEL_ID,
  FILE_PROFILE,
  FOOTER_BYTES,
  MAGIC_BYTES,
  METADATA,
} from './file-layout.ts';
import type { PartWalk, WalkedRecord } from './part-walk.ts';
import { parseRecordBytes, walkPart } from './part-walk.ts';
import type { PartHead } from './recording-about.ts';
import { partHead } from './recording-about.ts';

/** What one file of a recording holds. */
export interface PartIndex {
  path: string;
  file: DiskFile;
  sizeBytes: number;
  head: PartHead;
  /** By MCAP channel id. */
  streams: Map<number, StreamInfo>;
  instruments: Map<string, string>;
  channels: Map<string, string>;
  chunks: ChunkDigest[];
  /** It was finished: index and end are there. */
  isFinished: boolean;
  /** Bytes at the end that were being written when it was cut off. */
  cutBytes: number;
  /** What cannot be read, in words. */
  problems: string[];
  /** How it was read without its index; undefined if the index did. */
  walk: PartWalk | undefined;
}

/** Chunks written this short before the end of a cut file may have a header and no content (the disk had not got to it): they are checked. */
const SUSPECT_BYTES = 64 << 20;
const MAX_SUMMARY_BYTES = 512 << 20;
const MAGIC = Uint8Array.of(0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a);

type McapRecord = WalkedRecord['record'];

/**
 * Opens one file: by its index if it is complete, else record by record. `isRunning`: its writer lives, so nothing at its end is suspect.
 * @throws LabError recording.foreign (no recording of ours), recording.truncated (cut before anything was written),
 * recording.folder-gone, recording.denied, recording.failed.
 */
export async function openPart(disk: Disk, path: string, { isRunning = false } = {}): Promise<PartIndex> {
  const file = await disk.open(path, 'read').catch((error: unknown) => {
    throw openError(error, path);
  });
  try {
    const sizeBytes = await file.size();
    const magic = await readBytes(file, 0, MAGIC_BYTES);
    if (!magic.every((byte, index) => byte === MAGIC[index])) throw foreign(path, 'it is no MCAP file');
    if (magic.byteLength < MAGIC_BYTES) throw truncated(path);
    const indexed = await readIndexed(file, sizeBytes).catch(() => undefined);
    return indexed ? { ...indexed, path, file, sizeBytes } : await readWalked(path, file, sizeBytes, isRunning);
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error instanceof LabError ? error : diskError(error, path);
  }
}

/** From footer, summary and digest attachment; undefined if one of them is missing or broken. */
async function readIndexed(
  file: DiskFile,
  size: number,
): Promise<Omit<PartIndex, 'path' | 'file' | 'sizeBytes'> | undefined> {
  const tailStart = size - FOOTER_BYTES - MAGIC_BYTES;
  const footer = parseRecordBytes(await readBytes(file, Math.max(0, tailStart), FOOTER_BYTES + MAGIC_BYTES));
  if (footer?.type !== 'Footer' || footer.summaryStart === 0n) return undefined;
  const summaryStart = Number(footer.summaryStart);
  const length = tailStart - summaryStart;
  if (length <= 0 || length > MAX_SUMMARY_BYTES) return undefined;
  const summary = await readBytes(file, summaryStart, size - summaryStart);
  // The CRC covers the summary and the footer up to the CRC.
  if (crc32(summary.subarray(0, length + FOOTER_BYTES - 4)) !== footer.summaryCrc) return undefined;
  const reader = new McapStreamReader({ noMagicPrefix: true });
  reader.append(summary);
  const records: McapRecord[] = [];
  let chunks: ChunkDigest[] | undefined;
  let chunkCount = 0;
  for (let record = reader.nextRecord(); record; record = reader.nextRecord()) {
    if (record.type === 'Channel') records.push(record);
    else if (record.type === 'ChunkIndex') chunkCount++;
    else if (record.type === 'MetadataIndex') {
      const metadata = parseRecordBytes(
        await readBytes(file, Number(record.offset), Math.min(Number(record.length), 64 << 20)),
      );
      if (metadata?.type !== 'Metadata') return undefined;
      records.push(metadata);
    } else if (record.type === 'AttachmentIndex' && record.name === DIGEST_ATTACHMENT) {
      chunks = await readDigests(file, Number(record.offset), Number(record.length), size);
    }
  }
  if (!chunks || chunks.length !== chunkCount) return undefined;
  const head = findHead(records);
  if (!head) return undefined;
  return { head, ...describe(records), chunks, isFinished: true, cutBytes: 0, problems: [], walk: undefined };
}

async function readDigests(
  file: DiskFile,
  offset: number,
  length: number,
  size: number,
): Promise<ChunkDigest[] | undefined> {
  if (offset + length > size) return undefined;
  const attachment = parseRecordBytes(await readBytes(file, offset, length));
  if (attachment?.type !== 'Attachment') return undefined;
  const digests: ChunkDigest[] = [];
  for (let at = 0; at < attachment.data.byteLength; ) {
    const decoded = decodeDigest(attachment.data, at);
    if (!decoded) return undefined;
    digests.push(decoded.digest);
    at = decoded.end;
  }
  return digests;
}

async function readWalked(path: string, file: DiskFile, sizeBytes: number, isRunning: boolean): Promise<PartIndex> {
  const walk = await walkPart(file, sizeBytes);
  const records = walk.records.map((walked) => walked.record);
  const header = records.find((record) => record.type === 'Header');
  if (header && header.profile !== FILE_PROFILE) throw foreign(path, `its profile is '${header.profile}'`);
  const head = findHead(records);
  if (!head) {
    if (walk.chunks.length === 0)
      throw header || sizeBytes < 65_536 ? truncated(path) : foreign(path, 'it has no header');
    throw foreign(path, 'it does not say which recording it belongs to');
  }
  const described = describe(records);
  const problems = walk.damaged.map(
    ({ offset, bytes }) => `${bytes} bytes at ${offset} are damaged and were left out.`,
  );
  const chunks: ChunkDigest[] = [];
  for (const chunk of walk.chunks) {
    const isSuspect = !isRunning && (chunk.end > walk.end - SUSPECT_BYTES || walk.damaged.length > 0);
    if (chunk.digest && !isSuspect) {
      chunks.push(chunk.digest);
      continue;
    }
    try {
      const digest = await digestChunk(file, chunk, described.streams);
      chunk.digest ??= digest;
      chunks.push(chunk.digest);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      problems.push(error.message);
    }
  }
  return {
    path,
    file,
    sizeBytes,
    head,
    ...described,
    chunks,
    isFinished: false,
    cutBytes: walk.cutBytes,
    problems,
    walk,
  };
}

/**
 * Computes the digest of a chunk from its messages.
 * @throws LabError recording.malformed
 */
export async function digestChunk(
  file: DiskFile,
  chunk: { offset: number; length: number },
  streams: ReadonlyMap<number, StreamInfo>,
): Promise<ChunkDigest> {
  const digest: ChunkDigest = { offset: chunk.offset, length: chunk.length, streams: [], events: [] };
  for (const message of await readChunk(file, chunk)) {
    if (message.channel === EVENT_CHANNEL_ID) {
      digest.events.push(new TextDecoder().decode(message.data));
      continue;
    }
    const info = streams.get(message.channel);
    const batch = info && copyMessageBatch(message, info.id);
    if (!batch) continue;
    let stream = digest.streams.find((entry) => entry.channel === message.channel);
    if (!stream) {
      stream = createStreamDigest(message.channel, batch.channels);
      digest.streams.push(stream);
    }
    addToDigest(stream, batch, info.kind === 'segment' ? 0 : cellRows(info.rateHz));
  }
  return digest;
}

function findHead(records: McapRecord[]): PartHead | undefined {
  const record = records.findLast((entry) => entry.type === 'Metadata' && entry.name === METADATA.recording);
  const parsed = record?.type === 'Metadata' ? partHead.safeParse(Object.fromEntries(record.metadata)) : undefined;
  return parsed?.success ? parsed.data : undefined;
}

function describe(records: McapRecord[]): Pick<PartIndex, 'streams' | 'instruments' | 'channels'> {
  const streams = new Map<number, StreamInfo>();
  let instruments = new Map<string, string>();
  let channels = new Map<string, string>();
  for (const record of records) {
    if (record.type === 'Channel') {
      const info = streamInfo.safeParse(parseJson(record.metadata.get('stream')));
      if (info.success) streams.set(record.id, { ...info.data, id: record.id });
    } else if (record.type === 'Metadata') {
      if (record.name === METADATA.instruments) instruments = record.metadata;
      else if (record.name === METADATA.channels) channels = record.metadata;
    }
  }
  return { streams, instruments, channels };
}

/** Undefined for what is no JSON: files may hold anything. */
export function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function openError(error: unknown, path: string): LabError {
  const ours = diskError(error, path);
  if (ours.code === 'recording.folder-gone') {
    return new LabError(
      'recording.unknown',
      `There is no recording ${path}. Look into the folder; it may have been moved.`,
      { path },
      { cause: error },
    );
  }
  if (ours.code === 'recording.denied') {
    return new LabError(
      'recording.denied',
      `The system does not permit reading ${path}. Change its permissions.`,
      { path },
      { cause: error },
    );
  }
  return new LabError(
    'recording.failed',
    `The disk reported an error while reading ${path}. It was not changed.`,
    { path },
    { cause: error },
  );
}

function foreign(path: string, why: string): LabError {
  return new LabError('recording.foreign', `${path} is no Labwire recording: ${why}. It was not changed.`, { path });
}

function truncated(path: string): LabError {
  return new LabError(
    'recording.truncated',
    `${path} was cut off before the first sample was written: there is nothing in it to read.`,
    { path },
  );
}
