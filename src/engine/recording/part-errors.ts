import { LabError } from '../../core/errors.ts';
import { diskError } from './disk.ts';

/** Why a file cannot be opened for reading. */
export function openError(error: unknown, path: string): LabError {
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

/** `why`: what shows that it is none of ours. */
export function foreign(path: string, why: string): LabError {
  return new LabError('recording.foreign', `${path} is no Labwire recording: ${why}. It was not changed.`, { path });
}

export function truncated(path: string): LabError {
  return new LabError(
    'recording.truncated',
    `${path} was cut off before the first sample was written: there is nothing in it to read.`,
    { path },
  );
}
