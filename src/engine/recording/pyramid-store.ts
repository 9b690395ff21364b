import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';
import { FILE_EXTENSION } from './file-layout.ts';
import { openPart, type PartIndex } from './part-index.ts';
import { pyramidPath } from './pyramid-layout.ts';

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

/** Makes sure that a finished file has its sidecar; see `storePyramid`. Never rejects. */
export async function ensurePyramid(disk: Disk, path: string): Promise<boolean> {
  const part = await openPart(disk, path).catch(() => undefined);
  if (!part) return false;
  try {
    return await storePyramid(disk, part);
  } finally {
    await part.file.close().catch(() => undefined);
  }
}

async function writeAll(file: DiskFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) {
    const written = await file.write([bytes.subarray(at)], at);
    if (written <= 0) throw new Error('the system wrote nothing');
    at += written;
  }
}
