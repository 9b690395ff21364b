import { isAbsolute } from 'node:path';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';
import { recordingInfo } from '../recording/recording-row.ts';
import { verifyRecording } from '../recording/verify.ts';
import { startExport } from './export-call.ts';
import { listPage } from './list-page.ts';

type RecordingCall =
  | 'recording.start'
  | 'recording.stop'
  | 'recording.list'
  | 'recording.info'
  | 'recording.verify'
  | 'recording.export'
  | 'job.cancel';

/** Calls about the recording that runs and those that lie in the folder. */
export function createRecordingCalls(parts: EngineParts): Pick<Handlers, RecordingCall> {
  const { jobs, library, recording } = parts;
  let listed: { search: string | undefined; rows: RecordingRow[] } | undefined;
  return {
    'recording.start': (request, { who }) => {
      if (request.folder !== undefined && !isAbsolute(request.folder)) {
        throw new LabError('call.invalid', `${request.folder} is no absolute path. Give the whole path of the folder.`);
      }
      return recording.start(request, who);
    },
    'recording.stop': async (_input, { who }) => {
      const { id, paths, stats, error } = await recording.stop(`stopped by ${who}`);
      // It broke while it was being finished.
      if (error) throw error;
      return { recording: id, paths, samples: stats.samples, lost: stats.lost };
    },
    'recording.list': async ({ search, from = 0 }) => {
      // The next pages are of the list that the first was of: nothing is looked up again, and nothing is missing in between.
      const known = from > 0 && listed !== undefined && listed.search === search ? listed : undefined;
      const list = known ?? { search, rows: await library.list(search) };
      listed = list;
      const { rows: recordings, next } = listPage(list.rows, from);
      return { folder: library.folder, recordings, problem: library.problem, next };
    },
    'recording.info': async ({ recording: id }) => {
      await using opened = await library.open(id);
      const info = recordingInfo(opened);
      // A copy says of itself that it is the other.
      return info.row.id === id ? info : { ...info, row: await library.row(id) };
    },
    'recording.verify': async ({ recording: id }, { signal }) => {
      await using opened = await library.open(id);
      // Awaited here: the file is closed when this block ends.
      const report = await verifyRecording(opened, { signal });
      library.mark(id, { verified: { ok: report.ok, atNs: String(parts.clock.nowNs()) } });
      return report;
    },
    'recording.export': (request) => startExport(parts, request),
    'job.cancel': ({ job }) => {
      jobs.cancel(job);
      return {};
    },
  };
}
