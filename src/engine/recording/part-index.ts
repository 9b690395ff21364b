import { LabError } from '../../core/errors.ts';
import { fileSource } from './byte-source.ts';
import { digestChunk } from './chunk-digest.ts';
import type { ChunkTable } from './chunk-table.ts';
import { encodeDigest } from './digest-codec.ts';
import type { Disk, DiskFile } from './disk.ts';
import { diskError } from './disk.ts';
import { readBytes } from './disk-read.ts';
import { FILE_PROFILE, MAGIC_BYTES } from './file-layout.ts';
import { fileView } from './file-view.ts';
import { buildPyramid } from './part-build.ts';
import { foreign, openError, truncated } from './part-errors.ts';
import { peekHead } from './part-peek.ts';
import { type BuiltPyramid, PartPyramid } from './part-pyramid.ts';
import type { McapRecord, PartDescription } from './part-records.ts';
import { decodeRecords, describePart, encodeRecords, findHead } from './part-records.ts';
import { type PartTail, readSummary, readTail } from './part-summary.ts';
import type { PartWalk } from './part-walk.ts';
import { walkPart } from './part-walk.ts';
import { decodePyramid, type PyramidContent } from './pyramid-decode.ts';
import type { PyramidOwner } from './pyramid-encode.ts';
import { pyramidPath } from './pyramid-layout.ts';
import type { PartHead } from './recording-about.ts';
import type { RowSpool } from './row-spool.ts';

/** What one file of a recording holds. */
export interface PartIndex extends PartDescription {
  path: string;
  /** Closing it closes the sidecar too. */
  file: DiskFile;
  sizeBytes: number;
  head: PartHead;
  chunks: ChunkTable;
  /** The newest 100,000, as JSON texts, in the order written. */
  events: readonly string[];
  pyramid: PartPyramid;
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
const MAGIC = Uint8Array.of(0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a);

type OpenFile = Pick<PartIndex, 'path' | 'file' | 'sizeBytes'>;

export interface OpenPartOptions {
  /** Its writer lives, so nothing at its end is suspect. */
  isRunning?: boolean | undefined;
  /** Only chunks that start before this byte: what lies behind is in another part once more. */
  before?: number | undefined;
  /** Of its slow streams, for its pyramid, which is made anew. */
  rows?: RowSpool | undefined;
}

/** A part and its pyramid as it was made from the file. */
interface Indexed {
  part: Omit<PartIndex, 'pyramid'>;
  built: BuiltPyramid;
}

/**
 * Opens one file: by its sidecar, else by its index if it is complete, else record by record.
 * @throws LabError recording.foreign (no recording of ours), recording.truncated (cut before anything was written),
 * recording.folder-gone, recording.denied, recording.failed.
 */
export async function openPart(disk: Disk, path: string, options: OpenPartOptions = {}): Promise<PartIndex> {
  const file = await disk.open(path, 'read').catch((error: unknown) => {
    throw openError(error, path);
  });
  try {
    const [sizeBytes, magic] = await Promise.all([file.size(), readBytes(file, 0, MAGIC_BYTES)]);
    if (!magic.every((byte, index) => byte === MAGIC[index])) throw foreign(path, 'it is no MCAP file');
    if (magic.byteLength < MAGIC_BYTES) throw truncated(path);
    const opened = { path, file, sizeBytes };
    const tail = readTail(file, sizeBytes).catch(() => undefined);
    const stored = !options.rows && options.before === undefined ? await openStored(disk, opened, tail) : undefined;
    if (stored) return stored;
    const { part, built } = await indexPart(opened, await tail, options);
    return { ...part, pyramid: new PartPyramid(built, async () => built) };
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error instanceof LabError ? error : diskError(error, path);
  }
}

/** By its sidecar; undefined if there is none, or none of this very file. What can be is read at a time. */
async function openStored(
  disk: Disk,
  opened: OpenFile,
  ending: Promise<PartTail | undefined>,
): Promise<PartIndex | undefined> {
  const beside = pyramidPath(opened.path);
  const entry = await disk.stat(beside).catch(() => undefined);
  if (!entry) return undefined;
  const [sidecar, head, tail] = await Promise.all([
    disk.open(beside, 'read').catch(() => undefined),
    peekHead(opened.file).catch(() => undefined),
    ending,
  ]);
  if (!sidecar) return undefined;
  try {
    const owner = head && tail && ownerOf(opened, head, tail);
    const content = owner && (await decodePyramid(fileSource(sidecar), entry.bytes, owner));
    const records = content && decodeRecords(content.records);
    const latest = records && findHead(records);
    if (content && records && latest?.id === head.id && latest.part === head.part) {
      const rebuild = async (): Promise<BuiltPyramid> => (await indexPart(opened, tail, {})).built;
      const pyramid = new PartPyramid({ content, sidecar }, rebuild);
      const file = fileView(opened.file, {
        close: async () => {
          await pyramid.close();
          await opened.file.close();
        },
      });
      return { ...finishedPart({ ...opened, file }, latest, records, content), pyramid };
    }
  } catch {
    // A sidecar is never needed: what is wrong with it does not matter.
  }
  await sidecar.close().catch(() => undefined);
  return undefined;
}

async function indexPart(opened: OpenFile, tail: PartTail | undefined, options: OpenPartOptions): Promise<Indexed> {
  const finished = tail && (await indexFinished(opened, tail, options));
  return finished ?? (await indexWalked(opened, options));
}

/** By footer, summary and digest attachment; undefined if one of them is missing or broken. */
async function indexFinished(
  opened: OpenFile,
  tail: PartTail,
  { before, rows }: OpenPartOptions,
): Promise<Indexed | undefined> {
  const summary = await readSummary(opened.file, opened.sizeBytes, tail).catch(() => undefined);
  const head = summary && findHead(summary.records);
  if (!summary || !head) return undefined;
  const built = await buildPyramid({
    owner: ownerOf(opened, head, tail),
    streams: describePart(summary.records).streams,
    records: encodeRecords(summary.records),
    digests: [summary.digests],
    before,
    rows,
  });
  if (!built || built.digests !== summary.chunks) return undefined;
  return { part: finishedPart(opened, head, summary.records, built.content), built };
}

function ownerOf(opened: OpenFile, head: PartHead, tail: PartTail | undefined): PyramidOwner {
  return { id: head.id, part: head.part, bytes: opened.sizeBytes, tail: tail?.bytes ?? new Uint8Array(0) };
}

function finishedPart(
  opened: OpenFile,
  head: PartHead,
  records: readonly McapRecord[],
  { chunks, events }: PyramidContent,
): Indexed['part'] {
  const isFinished = { isFinished: true, cutBytes: 0, problems: [], walk: undefined };
  return { ...opened, head, ...describePart(records), chunks, events, ...isFinished };
}

async function indexWalked(opened: OpenFile, { isRunning = false, before }: OpenPartOptions): Promise<Indexed> {
  const { path, file, sizeBytes } = opened;
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
  const description = describePart(records);
  const problems = walk.damaged.map(
    ({ offset, bytes }) => `${bytes} bytes at ${offset} are damaged and were left out.`,
  );
  const digests = await walkedDigests(file, walk, description, isRunning, problems);
  const { streams } = description;
  const built = await buildPyramid({
    owner: ownerOf(opened, head, undefined),
    streams,
    records: encodeRecords(records),
    digests,
    before,
  });
  if (!built) throw new Error('digests that were sound are not');
  const { chunks, events } = built.content;
  const { cutBytes } = walk;
  const part = { ...opened, head, ...description, chunks, events, isFinished: false, cutBytes, problems, walk };
  return { part, built };
}

/** The digests of the chunks that can be read, as bytes; what is wrong with the others goes to `problems`. */
async function walkedDigests(
  file: DiskFile,
  walk: PartWalk,
  description: PartDescription,
  isRunning: boolean,
  problems: string[],
): Promise<Uint8Array[]> {
  const digests: Uint8Array[] = [];
  for (const chunk of walk.chunks) {
    const isSuspect = !isRunning && (chunk.end > walk.end - SUSPECT_BYTES || walk.damaged.length > 0);
    if (chunk.digestBytes && !isSuspect) {
      digests.push(chunk.digestBytes);
      continue;
    }
    try {
      const digest = await digestChunk(file, chunk, description);
      chunk.digest ??= digest;
      digests.push(chunk.digestBytes ?? encodeDigest(chunk.digest));
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      if (error.code === 'recording.packed') walk.packed = error;
      problems.push(error.message);
    }
  }
  return digests;
}
