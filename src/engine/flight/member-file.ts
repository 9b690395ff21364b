import { basename, dirname, join } from 'node:path';
import { LabError } from '../../core/errors.ts';
import type { Disk } from '../recording/disk.ts';
import { diskError, systemCode } from '../recording/disk.ts';
import { FILE_EXTENSION } from '../recording/file-layout.ts';
import { pyramidPath } from '../recording/pyramid-layout.ts';

const PIECE_BYTES = 4 << 20;
/** Of a file that is being copied: no recording yet. */
const COPY_SUFFIX = '.copying';

/** Whether two places can share files; one that cannot is told by the first try. */
export interface Placing {
  canLink: boolean;
  signal?: AbortSignal | undefined;
  /** Told of bytes copied. */
  onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Gives a file of the flight recorder another name in the folder: the same file (hard link), else a copy. What lies beside it comes along if it can.
 * Gives the new path. @throws LabError recording.disk-full, recording.denied, recording.folder-gone, recording.failed; nothing of it is left then.
 */
export async function placeFile(disk: Disk, from: string, folder: string, stem: string, how: Placing): Promise<string> {
  const to = join(folder, stem + FILE_EXTENSION);
  if (await linkFile(disk, from, to, how)) {
    await disk.link(pyramidPath(from), pyramidPath(to)).catch(() => undefined);
    return to;
  }
  await copyFile(disk, from, to, how);
  // Made anew where it is missing.
  await copyFile(disk, pyramidPath(from), pyramidPath(to), {}).catch(() => undefined);
  return to;
}

async function linkFile(disk: Disk, from: string, to: string, how: Placing): Promise<boolean> {
  if (!how.canLink) return false;
  try {
    await disk.link(from, to);
    return true;
  } catch (error) {
    const code = systemCode(error);
    // The file itself, or the name, is the trouble: a copy would meet the same.
    if (code === 'ENOENT' || code === 'EEXIST' || code === 'ENOSPC' || code === 'EROFS') throw diskError(error, to);
    how.canLink = false;
    return false;
  }
}

async function copyFile(
  disk: Disk,
  from: string,
  to: string,
  { signal, onBytes }: Pick<Placing, 'signal' | 'onBytes'>,
): Promise<void> {
  const beside = to + COPY_SUFFIX;
  try {
    const source = await disk.open(from, 'read');
    try {
      const target = await disk.open(beside, 'create');
      try {
        const piece = new Uint8Array(PIECE_BYTES);
        for (let at = 0, read = await source.read(piece, 0); read > 0; read = await source.read(piece, at)) {
          signal?.throwIfAborted();
          for (let done = 0; done < read; ) {
            const written = await target.write([piece.subarray(done, read)], at + done);
            if (written <= 0) throw new Error('the system wrote nothing');
            done += written;
          }
          at += read;
          onBytes?.(read);
        }
        await target.sync();
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
    await disk.rename(beside, to);
    await disk.syncFolder(dirname(to));
  } catch (error) {
    await disk.remove(beside).catch(() => undefined);
    throw error instanceof LabError ? error : diskError(error, join(dirname(to), basename(to)));
  }
}
