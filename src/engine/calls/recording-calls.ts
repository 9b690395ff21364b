import { readdir } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import type { Job } from '../../contract/recording-schema.ts';
import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';
import { exportRecording } from '../export/export-recording.ts';
import { systemCode } from '../recording/disk.ts';
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
      if (format !== 'csv') throw new LabError('export.unsupported', `${format} is being built.`);
      await using opened = await library.open(id);
      const { name, paths } = opened.info;
      const folder = path === undefined ? await openExports(parts.dataFolder) : undefined;
      // Nothing is awaited from here to the start of the job: two at once never choose one name.
      const target = folder ? freeExport(folder, parts.board.state.jobs, fileStem(name), format) : (path ?? '');
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

interface ExportsFolder {
  path: string;
  names: ReadonlySet<string>;
}

/** Where exports without a path go, whence a browser downloads them. Throws export.failed. */
async function openExports(dataFolder: string): Promise<ExportsFolder> {
  const path = join(dataFolder, 'exports');
  try {
    await makeFolder(path);
    return { path, names: new Set(await readdir(path)) };
  } catch (error) {
    throw new LabError(
      'export.failed',
      `The folder ${path} cannot be used (${systemCode(error) || error}). Nothing was exported. Free space or allow writing, then export again.`,
      { path },
      { cause: error },
    );
  }
}

/** A name that no other export has or is about to have. */
function freeExport(folder: ExportsFolder, jobs: readonly Job[], stem: string, format: string): string {
  const underway = new Set(jobs.flatMap(({ state, path }) => (state === 'running' && path ? [basename(path)] : [])));
  for (let number = 1; ; number++) {
    const name = `${number === 1 ? stem : `${stem} ${number}`}.${format}`;
    if (!folder.names.has(name) && !underway.has(name)) return join(folder.path, name);
  }
}
