import { randomUUID } from 'node:crypto';
import { open, realpath, rename, rm } from 'node:fs/promises';
import { LabError } from '../../core/errors.ts';
import { systemCode } from '../recording/disk.ts';
import { openRecording, type Recording } from '../recording/recording.ts';
import { csvPieces } from './csv-rows.ts';

export type ExportFormat = 'csv';

/** What to export; plain values, so that it can be sent to a worker. */
export interface ExportTask {
  /** One file of the recording; its other parts are found beside it. */
  path: string;
  /** Its other parts, where they are known: they may have been renamed. */
  parts?: readonly string[] | undefined;
  /** Replaced, once the new one is whole, if it is there. */
  out: string;
  format: ExportFormat;
  /** Name while it is unfinished, in the same folder; absent: one like `out`. */
  temporary?: string | undefined;
  channels?: readonly string[] | undefined;
  /** ns since 1970; rows in [from, to). */
  fromNs?: bigint | undefined;
  toNs?: bigint | undefined;
}

export interface ExportResult {
  rows: number;
  bytes: number;
}

export interface ExportWatch {
  signal?: AbortSignal | undefined;
  /** 0…1 */
  onProgress?: ((share: number) => void) | undefined;
}

/**
 * Exports here and now. The file appears under its name when it is whole; whatever goes wrong, nothing unfinished is left.
 * @throws LabError recording.* if it cannot be read, recording.disk-full, recording.denied and export.failed if it cannot be written,
 * call.invalid if it would replace a recording, call.cancelled
 */
export async function exportFile(task: ExportTask, watch: ExportWatch = {}): Promise<ExportResult> {
  const temporary = task.temporary ?? temporaryName(task.out);
  await using recording = await openRecording(task.path, { parts: task.parts });
  await refuseRecording(task.out, recording);
  for (const id of task.channels ?? []) {
    if (!recording.info.channels.some((channel) => channel.id === id)) {
      throw new LabError('channel.unknown', `The recording has no channel ${id}. Nothing was exported.`, {
        channel: id,
      });
    }
  }
  const result: ExportResult = { rows: 0, bytes: 0 };
  try {
    const file = await open(temporary, 'wx');
    try {
      for await (const piece of csvPieces(recording, task)) {
        throwIfCancelled(watch.signal);
        result.bytes += (await file.write(piece.text)).bytesWritten;
        result.rows = piece.rows;
        watch.onProgress?.(piece.share);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    throwIfCancelled(watch.signal);
    await rename(temporary, task.out);
    return result;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw exportError(error, task.out);
  }
}

/** A slip of the pen must not put a table in place of measured data: neither of this recording nor of another. */
async function refuseRecording(out: string, recording: Recording): Promise<void> {
  const place = await realpath(out).catch(() => out);
  const own = await Promise.all(recording.parts.map(({ path }) => realpath(path).catch(() => path)));
  if (!own.includes(place) && !/\.mcap(\.part)?$/i.test(place)) return;
  throw new LabError(
    'call.invalid',
    `${out} is the name of a recording, and the export would replace it. Nothing was written. Give the table another name, such as NAME.csv.`,
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

function exportError(error: unknown, out: string): LabError {
  if (error instanceof LabError) return error;
  const code = systemCode(error);
  const reasons: Record<string, string> = {
    ENOSPC: 'the disk is full',
    EACCES: 'the folder may not be written',
    EPERM: 'the folder may not be written',
    EROFS: 'the disk is read-only',
    ENOENT: 'the folder does not exist',
    ENOTDIR: 'the folder does not exist',
    EISDIR: 'there is a folder of that name',
  };
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  return new LabError(
    'export.failed',
    `The export to ${out} failed: ${reason}. Nothing unfinished was left; the recording is unchanged. Choose another place and export again.`,
    { out, system: code },
    { cause: error },
  );
}
