import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import type { CallParsed } from '../../contract/calls.ts';
import type { ExportFormat } from '../../contract/export-schema.ts';
import type { Job } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { channelId } from '../../core/stream-info.ts';
import type { EngineParts } from '../engine-parts.ts';
import { exportRecording } from '../export/export-recording.ts';
import { systemCode } from '../recording/disk.ts';
import { fileStem } from '../recording/file-name.ts';
import type { Recording } from '../recording/recording.ts';
import { makeFolder } from '../state/make-folder.ts';

type ExportRequest = CallParsed<'recording.export'>;

/** How the files of a format end. */
const ENDINGS: Readonly<Record<ExportFormat, string>> = {
  csv: 'csv',
  jsonl: 'jsonl',
  json: 'json',
  parquet: 'parquet',
  hdf5: 'h5',
  npy: 'npy',
  npz: 'npz',
  wav: 'wav',
  mcap: 'mcap',
  png: 'png',
  svg: 'svg',
  'lablink-jsonl': 'jsonl',
  'lablink-json': 'json',
  'lablink-csv': 'csv',
  'lablink-binary': 'bin',
};

/** Starts the export of a recording in its worker. Throws recording.unknown, export.failed, call.invalid, call.limit. */
export async function startExport(parts: EngineParts, request: ExportRequest): Promise<Job> {
  const { recording: id, format, path, fromNs, toNs, channels, options } = request;
  await using opened = await parts.library.open(id);
  const { name, paths } = opened.info;
  const folder = path === undefined ? await openExports(parts.dataFolder) : undefined;
  // Nothing is awaited from here to the start of the job: two at once never choose one name.
  const ending = endingOf(request, opened);
  const target = folder ? freeExport(folder, parts.board.state.jobs, fileStem(name), ending) : (path ?? '');
  if (!isAbsolute(target)) {
    throw new LabError('call.invalid', `${target} is no absolute path. Give the whole path of the file.`);
  }
  return parts.jobs.start({
    kind: 'export',
    label: `${name} as ${formatName(format)}`,
    path: target,
    run: async ({ signal, progress }) => {
      const { notes } = await exportRecording({
        worker: parts.exportWorker,
        path: paths[0] ?? '',
        parts: paths.slice(1),
        out: target,
        format,
        options,
        ...(fromNs === undefined ? {} : { fromNs: BigInt(fromNs) }),
        ...(toNs === undefined ? {} : { toNs: BigInt(toNs) }),
        ...(channels === undefined ? {} : { channels }),
        signal,
        onProgress: progress,
      });
      for (const note of notes) tell(parts, `${basename(target)}: ${note}`);
    },
  });
}

/** `CSV`, `LabLink JSON`. */
function formatName(format: ExportFormat): string {
  const own = format.replace(/^lablink-/, '').toUpperCase();
  return format.startsWith('lablink-') ? `LabLink ${own}` : own;
}

/** What the file could not hold: the person who asked for it should know. */
function tell({ board, clock }: EngineParts, text: string): void {
  board.publish('notice.raised', {
    notice: { id: randomUUID(), t: String(clock.nowNs()), severity: 'info', text },
  });
}

/** Of several sampled streams a ZIP file of WAV files is made. */
function endingOf({ format, channels, options }: ExportRequest, { streams }: Recording): string {
  if (format === 'wav') {
    const sampled = streams.filter(({ info, rows }) => {
      const isChosen = info.columns.some(
        ({ channel }) => channels?.includes(channelId(info.instrument, channel)) ?? true,
      );
      return info.kind === 'regular' && rows > 0 && isChosen;
    });
    return sampled.length > 1 ? 'zip' : 'wav';
  }
  return format.startsWith('lablink-') && options?.gzip ? `${ENDINGS[format]}.gz` : ENDINGS[format];
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
function freeExport(folder: ExportsFolder, jobs: readonly Job[], stem: string, ending: string): string {
  const underway = new Set(jobs.flatMap(({ state, path }) => (state === 'running' && path ? [basename(path)] : [])));
  for (let number = 1; ; number++) {
    const name = `${number === 1 ? stem : `${stem} ${number}`}.${ending}`;
    if (!folder.names.has(name) && !underway.has(name)) return join(folder.path, name);
  }
}
