import { dirname, resolve } from 'node:path';
import { findRecordingRow } from '../contract/recording-pages.ts';
import type { RecordingRow } from '../contract/recording-schema.ts';
import { LabError } from '../core/errors.ts';
import { openRecording } from '../engine/recording/recording.ts';
import type { Screen } from './screen.ts';

/**
 * A file as a recording of the engine's library. An engine of the command's own takes the folder of the file as its library.
 * @throws LabError recording.unknown if the running engine keeps its recordings elsewhere, and why the file cannot be read
 */
export async function findRecorded({ client, isOwn }: Screen, file: string): Promise<RecordingRow> {
  const path = resolve(file);
  let id: string;
  {
    await using recording = await openRecording(path);
    ({ id } = recording.info);
  }
  if (isOwn) await client.call('settings.set', { recordingsFolder: dirname(path) });
  const { row, folder } = await findRecordingRow(client, (candidate) => candidate.id === id);
  if (row) return row;
  throw new LabError(
    'recording.unknown',
    `${path} is not among the recordings of the engine that runs, which are in ${folder}. Move it there, or give another data folder with --data.`,
    { path, folder },
  );
}
