import { basename } from 'node:path';
import type { DescribedChannel, RecordingAbout } from '../recording/recording-about.ts';
import type { ImportJob } from './import-task.ts';

const MOST_NOTES = 9000;
const MOST_NAME = 200;

/** What a recording made of a file says about itself. */
export function importedAbout(
  job: ImportJob,
  instruments: Iterable<string>,
  channels: DescribedChannel[],
  notes: readonly string[],
): RecordingAbout {
  const text = [`Imported from ${basename(job.path)}.`, ...notes].join('\n').slice(0, MOST_NOTES);
  return {
    appVersion: job.appVersion,
    clock: { source: 'the times in the file', offsetS: null, uncertaintyS: null },
    notes: text,
    operator: '',
    bench: '',
    instruments: [...instruments].map((id) => ({ id, idn: '', resource: '', label: '' })),
    channels,
  };
}

/** The name of the recording: as asked, else that of the file. */
export function importedName({ name, path }: ImportJob): string {
  return (name ?? basename(path).replace(/\.(mcap|csv|txt|tsv|dat)$/i, '')).slice(0, MOST_NAME);
}
