import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { ErrorRecord } from '../../core/errors.ts';
import { LabError } from '../../core/errors.ts';
import { type ExportResult, type ExportTask, type ExportWatch, temporaryName } from './export-file.ts';

/** What the worker tells. */
export type WorkerNews = { share: number } | { result: ExportResult } | { error: ErrorRecord };

export interface ExportRequest extends ExportTask, ExportWatch {
  /** The built export worker. */
  worker: URL | string;
}

/**
 * Exports in a worker thread, so that neither acquisition nor screens wait for it.
 * @throws LabError as `exportFile`; engine.not-built if the worker's file is missing
 */
export async function exportRecording({
  worker: path,
  signal,
  onProgress,
  ...task
}: ExportRequest): Promise<ExportResult> {
  const file = typeof path === 'string' ? path : fileURLToPath(path);
  if (!existsSync(file)) {
    throw new LabError(
      'engine.not-built',
      `The export worker ${file} is missing. Nothing was exported. Build Labwire (npm start does), then export again.`,
      { file },
    );
  }
  const temporary = temporaryName(task.out);
  const worker = new Worker(file, { workerData: { ...task, temporary }, name: 'labwire-export' });
  const cancel = (): void => worker.postMessage('cancel');
  if (signal?.aborted) cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await new Promise<ExportResult>((resolve, reject) => {
      worker.on('message', (news: WorkerNews) => {
        if ('share' in news) onProgress?.(news.share);
        else if ('result' in news) resolve(news.result);
        else reject(LabError.fromRecord(news.error));
      });
      worker.on('error', (error) => reject(died(String(error))));
      worker.on('exit', (code) => reject(died(`it ended with code ${code}`)));
    });
  } finally {
    signal?.removeEventListener('abort', cancel);
    await worker.terminate();
    // What a worker that died could not remove itself.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

function died(why: string): LabError {
  return new LabError(
    'export.failed',
    `The export worker died (${why}). The recording is unchanged; nothing unfinished was left. Export again.`,
  );
}
