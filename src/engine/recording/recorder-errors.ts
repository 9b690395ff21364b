import { LabError } from '../../core/errors.ts';

export function overrun(queueBytes: number): LabError {
  return new LabError(
    'recording.overrun',
    `The disk cannot keep up: ${Math.round(queueBytes / 2 ** 20)} MiB were waiting. The recording ended; everything up to here is intact. Record fewer channels, a lower rate, or to a faster disk.`,
    { queueBytes },
  );
}

export function almostFull(folder: string, reserveBytes: number): LabError {
  return new LabError(
    'recording.disk-full',
    `Less than ${Math.round(reserveBytes / 2 ** 20)} MiB are free on the disk of ${folder}. The recording ended and is complete up to here. Free space or choose another folder, then record again.`,
    { folder, reserveBytes },
  );
}

export function notRecording(name: string): LabError {
  return new LabError('recording.idle', `“${name}” is recorded no more, so no part of it can be closed.`);
}

/** It was being stopped, and its rest was given up. */
export function stillEnding(name: string): LabError {
  return new LabError(
    'recording.failed',
    `The disk had not finished “${name}” in time. What it took is intact; the rest is missing from this part.`,
    { name },
  );
}
