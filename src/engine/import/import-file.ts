import { open, rm } from 'node:fs/promises';
import { LabError } from '../../core/errors.ts';
import { importCsv } from './csv-import.ts';
import { importError } from './import-error.ts';
import type { ImportJob, ImportResult, ImportTask, ImportWatch } from './import-task.ts';
import { importMcap } from './mcap-import.ts';
import { importOwn } from './own-import.ts';

const MAGIC = Uint8Array.of(0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a);

/**
 * Makes a recording of a file, here and now. It appears in the folder when it is whole; whatever goes wrong, nothing unfinished is left.
 * @throws LabError import.failed, with the line of a table; recording.* for a recording of ours that cannot be read; call.cancelled
 */
export async function importFile(task: ImportTask, watch: ImportWatch = {}): Promise<ImportResult> {
  const tick = (share: number): void => {
    if (watch.signal?.aborted) throw new LabError('call.cancelled', 'The import was cancelled; no recording was made.');
    watch.onProgress?.(share);
  };
  const job: ImportJob = { ...task, tick };
  try {
    tick(0);
    const result = (await isMcap(task.path)) ? await importAnyMcap(job) : await importCsv(job);
    tick(1);
    return result;
  } catch (error) {
    throw importError(error, task.path);
  } finally {
    await rm(task.temporary, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Ours by its profile; a file of ours that says nothing of it is told as such. */
async function importAnyMcap(job: ImportJob): Promise<ImportResult> {
  try {
    return await importOwn(job);
  } catch (error) {
    if (!(error instanceof LabError) || error.code !== 'recording.foreign') throw error;
    return await importMcap(job);
  }
}

async function isMcap(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(new Uint8Array(MAGIC.byteLength), 0, MAGIC.byteLength, 0);
    return bytesRead === MAGIC.byteLength && MAGIC.every((byte, index) => byte === buffer[index]);
  } finally {
    await file.close();
  }
}
