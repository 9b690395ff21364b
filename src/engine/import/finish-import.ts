import type { FedRecorder } from '../export/fed-recorder.ts';
import type { ImportJob, ImportResult } from './import-task.ts';
import { placeRecording } from './place-recording.ts';
import type { TimedRows } from './timed-rows.ts';

/** Ends the recording made of a file and puts it into the folder. */
export async function finishImport(
  job: ImportJob,
  fed: FedRecorder,
  streams: readonly TimedRows[],
  notes: readonly string[],
): Promise<ImportResult> {
  for (const stream of streams) stream.flush();
  const late = streams.reduce((sum, stream) => sum + stream.late, 0);
  const rows = streams.reduce((sum, stream) => sum + stream.rows, 0);
  const { id, paths } = await fed.finish('end of the file');
  const placed = await placeRecording(paths, job.folder);
  const all =
    late === 0 ? [...notes] : [...notes, `Time goes back in the file: ${late} rows are older than rows before them.`];
  return { recording: id, paths: placed, rows, notes: all };
}
