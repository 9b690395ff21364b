import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { LabError } from '../../core/errors.ts';
import { systemCode } from '../recording/disk.ts';

/** What a file holds, wherever it lies. */
export interface FileSum {
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
}

/** Bytes of a file here. @throws LabError upload.failed, final */
export async function sizeOfLocal(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Reads a file here, its first `most` bytes or all. @throws LabError upload.failed, final; call.cancelled */
export async function sumOfLocal(
  path: string,
  signal: AbortSignal | undefined,
  most = Number.POSITIVE_INFINITY,
): Promise<FileSum> {
  const hash = createHash('sha256');
  let bytes = 0;
  if (most === 0) return { bytes, sha256: hash.digest('hex') };
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 256 * 1024, end: most - 1, signal })) {
      hash.update(piece as Buffer);
      bytes += (piece as Buffer).byteLength;
    }
  } catch (error) {
    if (signal?.aborted) throw new LabError('call.cancelled', 'The upload was cancelled.');
    throw unreadable(path, error);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** The file here is gone or its disk fails: no server is to blame, and asking one again does not help. */
export function unreadable(path: string, error: unknown): LabError {
  const code = systemCode(error);
  return new LabError(
    'upload.failed',
    `${path} cannot be read here (${code || error}). It was not sent; look for the file and at its disk, then try again.`,
    { path, system: code, isFinal: true },
    { cause: error },
  );
}
