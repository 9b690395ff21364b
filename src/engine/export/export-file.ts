import { randomUUID } from 'node:crypto';
import { realpath, rm } from 'node:fs/promises';
import type { ExportChoices, ExportFormat } from '../../contract/export-schema.ts';
import { exportOptions } from '../../contract/export-schema.ts';
import { LabError } from '../../core/errors.ts';
import { openRecording, type Recording } from '../recording/recording.ts';
import { exportError } from './export-error.ts';
import { exportedChannels } from './exported-channel.ts';
import { FORMAT_WRITERS } from './format-writers.ts';
import { placeExport } from './place-export.ts';
import { refuseOptions } from './refuse-options.ts';

/** What to export; plain values, so that it can be sent to a worker. */
export interface ExportTask {
  /** One file of the recording; its other parts are found beside it. */
  path: string;
  /** Its other parts, where they are known: they may have been renamed. */
  parts?: readonly string[] | undefined;
  /** Replaced, once the new one is whole, if it is there. */
  out: string;
  format: ExportFormat;
  options?: ExportChoices | undefined;
  /** Name while it is unfinished, in the same folder; absent: one like `out`. */
  temporary?: string | undefined;
  channels?: readonly string[] | undefined;
  /** ns since 1970; rows in [from, to). */
  fromNs?: bigint | undefined;
  toNs?: bigint | undefined;
}

export interface ExportResult {
  /** The file; of formats that turn the page, all of them. */
  paths: string[];
  /** Rows of the table, or of all streams. */
  rows: number;
  bytes: number;
  /** What the file could not hold, in sentences. */
  notes: string[];
}

export interface ExportWatch {
  signal?: AbortSignal | undefined;
  /** 0…1 */
  onProgress?: ((share: number) => void) | undefined;
}

/**
 * Exports here and now. The file appears under its name when it is whole; whatever goes wrong, nothing unfinished is left.
 * @throws LabError recording.* if it cannot be read, export.failed if it cannot be written, export.unsupported if the format cannot hold
 * what was chosen, channel.unknown, call.invalid if it would replace a recording, call.cancelled
 */
export async function exportFile(task: ExportTask, watch: ExportWatch = {}): Promise<ExportResult> {
  const path = task.temporary ?? temporaryName(task.out);
  const options = exportOptions.parse(task.options ?? {});
  refuseOptions(task.format, options);
  await using recording = await openRecording(task.path, { parts: task.parts });
  await refuseRecording(task, recording);
  const channels = exportedChannels(recording, task.channels);
  if (channels.length === 0) {
    throw new LabError('export.unsupported', 'The recording has no channel, so there is nothing to export.');
  }
  const { fromNs, toNs, format, out } = task;
  const tick = (share: number): void => {
    throwIfCancelled(watch.signal);
    watch.onProgress?.(share);
  };
  try {
    tick(0);
    const written = await FORMAT_WRITERS[format]({
      recording,
      channels,
      isChosen: task.channels !== undefined,
      range: { fromNs, toNs },
      options,
      path,
      out,
      tick,
    });
    tick(1);
    const { paths, bytes } = await placeExport(path, out);
    return { ...written, paths, bytes };
  } catch (error) {
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
    throw exportError(error, out);
  }
}

/** A slip of the pen must not put an export in place of measured data: neither of this recording nor of another. */
async function refuseRecording({ out, format }: ExportTask, recording: Recording): Promise<void> {
  const place = await realpath(out).catch(() => undefined);
  const own = await Promise.all(recording.parts.map(({ path }) => realpath(path).catch(() => path)));
  const isRecording = /\.mcap(\.part)?$/i.test(place ?? out);
  const isNewRecording = format === 'mcap' && /\.mcap$/i.test(out) && place === undefined;
  if (!own.includes(place ?? out) && (!isRecording || isNewRecording)) return;
  throw new LabError(
    'call.invalid',
    format === 'mcap'
      ? `${out} is a recording, or would be taken for one that is being written, and the export would replace it. Nothing was written. Give the copy another name, such as NAME-copy.mcap.`
      : `${out} is the name of a recording, and the export would replace it. Nothing was written. Give the table another name, such as NAME.csv.`,
    { out },
  );
}

/** A name nothing else has, beside the file it will become. */
export function temporaryName(out: string): string {
  return `${out}.${randomUUID().slice(0, 8)}.part`;
}

function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new LabError('call.cancelled', 'The export was cancelled; its unfinished file was removed.');
}
