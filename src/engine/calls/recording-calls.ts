import { isAbsolute, join } from 'node:path';
import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';
import { exportRecording } from '../export/export-recording.ts';
import { fileStem } from '../recording/file-name.ts';
import { recordingInfo } from '../recording/recording-row.ts';
import { verifyRecording } from '../recording/verify.ts';
import { makeFolder } from '../state/make-folder.ts';

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
  return {
    'recording.start': (request, { screen }) => {
      if (request.folder !== undefined && !isAbsolute(request.folder)) {
        throw new LabError('call.invalid', `${request.folder} is no absolute path. Give the whole path of the folder.`);
      }
      return recording.start(request, screen.name);
    },
    'recording.stop': async (_input, { screen }) => {
      const { id, paths, stats, error } = await recording.stop(`stopped by ${screen.name}`);
      // It broke while it was being finished.
      if (error) throw error;
      return { recording: id, paths, samples: stats.samples, lost: stats.lost };
    },
    'recording.list': async () => ({ folder: library.folder, recordings: await library.list() }),
    'recording.info': async ({ recording: id }) => {
      await using opened = await library.open(id);
      return recordingInfo(opened);
    },
    'recording.verify': async ({ recording: id }, { signal }) => {
      await using opened = await library.open(id);
      // Awaited here: the file is closed when this block ends.
      return await verifyRecording(opened, { signal });
    },
    'recording.export': async ({ recording: id, format, path, fromNs, toNs, channels }) => {
      await using opened = await library.open(id);
      const { name, paths } = opened.info;
      const target = path ?? join(await exportsFolder(parts.dataFolder), `${fileStem(name)}.${format}`);
      if (!isAbsolute(target))
        throw new LabError('call.invalid', `${target} is no absolute path. Give the whole path of the file.`);
      return jobs.start({
        kind: 'export',
        label: `${name} as ${format.toUpperCase()}`,
        path: target,
        run: ({ signal, progress }) =>
          exportRecording({
            worker: parts.exportWorker,
            path: paths[0] ?? '',
            parts: paths.slice(1),
            out: target,
            format,
            ...(fromNs === undefined ? {} : { fromNs: BigInt(fromNs) }),
            ...(toNs === undefined ? {} : { toNs: BigInt(toNs) }),
            ...(channels === undefined ? {} : { channels }),
            signal,
            onProgress: progress,
          }),
      });
    },
    'job.cancel': ({ job }) => {
      jobs.cancel(job);
      return {};
    },
  };
}

/** Where exports without a path go: a browser downloads them from there. */
async function exportsFolder(dataFolder: string): Promise<string> {
  const folder = join(dataFolder, 'exports');
  await makeFolder(folder);
  return folder;
}
