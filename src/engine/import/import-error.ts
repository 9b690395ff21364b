import { basename } from 'node:path';
import { LabError } from '../../core/errors.ts';
import { systemCode } from '../recording/disk.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  ENOTDIR: 'it is not there',
  EISDIR: 'it is a folder',
  EACCES: 'it may not be read, or the recordings folder may not be written',
  EPERM: 'it may not be read, or the recordings folder may not be written',
  ENOSPC: 'the disk of the recordings folder is full',
  EDQUOT: 'the disk of the recordings folder is full',
  EROFS: 'the disk of the recordings folder is read-only',
};

/** Why a file cannot be imported, and what to do about it. */
export function importFailed(path: string, why: string, fix: string, details: Record<string, unknown> = {}): LabError {
  return new LabError(
    'import.failed',
    `${basename(path)} cannot be imported: ${why}. No recording was made, and the file was not changed. ${fix}`,
    { path, ...details },
  );
}

/** Whatever went wrong while importing, as ours. */
export function importError(error: unknown, path: string): LabError {
  if (error instanceof LabError) return error;
  const code = systemCode(error);
  const why = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
  const ours = importFailed(path, why, 'Look at the file and the recordings folder, then import again.', {
    system: code,
  });
  return new LabError(ours.code, ours.message, ours.details, { cause: error });
}
