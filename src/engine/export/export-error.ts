import { LabError } from '../../core/errors.ts';
import { systemCode } from '../recording/disk.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk is full',
  EACCES: 'the folder may not be written',
  EPERM: 'the folder may not be written',
  EROFS: 'the disk is read-only',
  ENOENT: 'the folder does not exist',
  ENOTDIR: 'the folder does not exist',
  EISDIR: 'there is a folder of that name',
  EFBIG: 'the disk takes no file as large as that',
};

/** Whatever went wrong while exporting, as ours. */
export function exportError(error: unknown, out: string): LabError {
  if (error instanceof LabError) return error;
  const code = systemCode(error);
  const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
  return new LabError(
    'export.failed',
    `The export to ${out} failed: ${reason}. Nothing unfinished was left; the recording is unchanged. Choose another place and export again.`,
    { out, system: code },
    { cause: error },
  );
}
