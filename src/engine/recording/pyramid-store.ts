import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { LabError } from '../../core/errors.ts';
import { copyMessageBatch, readChunk } from './chunk-reader.ts';
import { isSlow } from './digest.ts';
import type { Disk, DiskFile } from './disk.ts';
import { FILE_EXTENSION } from './file-layout.ts';
import { openPart, type PartIndex } from './part-index.ts';
import { pyramidPath } from './pyramid-layout.ts';
import { readAhead } from './read-ahead.ts';
import { RowSpool } from './row-spool.ts';

/** Left free on the disk: sidecars are never worth the last of it. */
const RESERVE_BYTES = 64 << 20;

/**
 * Writes the sidecar of a part that was opened without a sound one: beside, then renamed, so that a reader finds the old one, none, or the new one.
 * It is not synced: what a power cut leaves of it is found by its checksums. Gives whether there is one now; a folder that cannot be written to,
 * or a disk that is almost full, is no error.
 */
export async function storePyramid(disk: Disk, part: PartIndex, reserveBytes = RESERVE_BYTES): Promise<boolean> {
  const bytes = part.pyramid.unstored;
  if (!bytes) return true;
  if (!part.isFinished || !part.path.endsWith(FILE_EXTENSION)) return false;
  const path = pyramidPath(part.path);
  // Somebody else was faster, and may know more.
  if (part.pyramid.lacksRows && !part.pyramid.isReplacing && (await hasSidecar(disk, part.path))) {
    part.pyramid.setStored();
    return true;
  }
  const beside = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  try {
    if ((await disk.freeBytes(dirname(path))) < bytes.byteLength + reserveBytes) return false;
    const file = await disk.open(beside, 'create');
    try {
      await writeAll(file, bytes);
    } finally {
      await file.close();
    }
    await disk.rename(beside, path);
    part.pyramid.setStored();
    return true;
  } catch {
    await disk.remove(beside).catch(() => undefined);
    return false;
  }
}

async function hasSidecar(disk: Disk, path: string): Promise<boolean> {
  if (!(await disk.stat(pyramidPath(path)).catch(() => undefined))) return false;
  const part = await openPart(disk, path).catch(() => undefined);
  await part?.file.close().catch(() => undefined);
  return part !== undefined && part.pyramid.unstored === undefined;
}

/** Makes sure that a finished file has its sidecar; see `storePyramid`. `rows`: of its slow streams, where they are known. Never rejects. */
export async function ensurePyramid(disk: Disk, path: string, rows?: RowSpool | undefined): Promise<boolean> {
  const part = await openPart(disk, path, { rows }).catch(() => undefined);
  if (!part) return false;
  try {
    return await storePyramid(disk, part);
  } finally {
    await part.file.close().catch(() => undefined);
  }
}

/**
 * Reads a finished file through for the rows of its slow streams and writes its sidecar anew with them. Gives whether that was done; rejects with what
 * `signal` aborts with.
 */
export async function completePyramid(disk: Disk, path: string, signal: AbortSignal): Promise<boolean> {
  const part = await openPart(disk, path).catch(() => undefined);
  if (!part) return false;
  try {
    if (!part.isFinished || !part.pyramid.lacksRows) return false;
    return await ensurePyramid(disk, path, await readRows(part, signal));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LabError) return false;
    throw error;
  } finally {
    await part.file.close().catch(() => undefined);
  }
}

async function readRows(part: PartIndex, signal: AbortSignal): Promise<RowSpool> {
  const spool = new RowSpool();
  const file = readAhead(part.file);
  for (const chunk of part.chunks) {
    signal.throwIfAborted();
    for (const message of await readChunk(file, chunk)) {
      const info = part.streams.get(message.channel);
      const batch = info && isSlow(info) ? copyMessageBatch(message, info.id) : undefined;
      if (info && batch) spool.add(message.channel, info, batch);
    }
  }
  return spool;
}

async function writeAll(file: DiskFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) {
    const written = await file.write([bytes.subarray(at)], at);
    if (written <= 0) throw new Error('the system wrote nothing');
    at += written;
  }
}
