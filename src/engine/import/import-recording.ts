import { randomUUID } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runWorker } from '../export/worker-job.ts';
import type { ImportResult, ImportTask, ImportWatch } from './import-task.ts';

export interface ImportRequest extends Omit<ImportTask, 'temporary'>, ImportWatch {
  /** The built export worker, which imports too. */
  worker: URL | string;
}

/** Imports in a worker thread. Throws as `importFile`; engine.not-built if the worker's file is missing. */
export async function importRecording({ worker, signal, onProgress, ...task }: ImportRequest): Promise<ImportResult> {
  await sweep(task.folder);
  const temporary = temporaryFolder(task.folder);
  return runWorker({ worker, work: { kind: 'import', task: { ...task, temporary } }, temporary, signal, onProgress });
}

const PREFIX = '.import-';
const DAY_MS = 86_400_000;

/** Removes what imports left behind that were killed: nobody works on a folder for a day without touching it. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(folder, name);
    const entry = await stat(path).catch(() => undefined);
    if (entry && Date.now() - entry.mtimeMs > DAY_MS)
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** In the folder, so that what is finished can be moved; not a name of a recording, so that nobody lists what is not. */
export function temporaryFolder(folder: string): string {
  return join(folder, `${PREFIX}${randomUUID().slice(0, 8)}`);
}
