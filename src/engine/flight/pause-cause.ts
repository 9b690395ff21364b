import type { LabError } from '../../core/errors.ts';

/** What a pause means, behind its cause. */
export const WHILE_PAUSED =
  'The flight recorder writes nothing until that is over, and tries again by itself; a recording that runs is not concerned.';

/** Why the flight recorder is paused and what to do, for the person. */
export function pauseCause({ code, message, details }: LabError, folder: string): string {
  switch (code) {
    case 'recording.disk-full':
      return `The disk of ${folder} is almost full. Free space.`;
    case 'recording.overrun':
      return `The disk of ${folder} cannot keep up. Use a faster disk for the data folder, or lower rates.`;
    case 'recording.folder-gone':
      return `The folder ${folder} is gone or was moved. It is made again.`;
    case 'recording.denied':
      return `The system permits no change in ${folder}. Set its permissions.`;
    case 'recording.failed':
      return `The disk of ${folder} reported an error (${details.system === undefined ? message : String(details.system)}). Check the disk.`;
    default:
      return message;
  }
}
