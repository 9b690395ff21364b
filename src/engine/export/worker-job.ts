import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { ErrorCode, ErrorRecord } from '../../core/errors.ts';
import { LabError } from '../../core/errors.ts';
import type { ImportResult, ImportTask } from '../import/import-task.ts';
import type { ExportResult, ExportTask } from './export-file.ts';

/** What the worker is started with. */
export type WorkerTask = { kind: 'export'; task: ExportTask } | { kind: 'import'; task: ImportTask };

/** What the worker tells. */
export type WorkerNews = { share: number } | { result: ExportResult | ImportResult } | { error: ErrorRecord };

interface WorkerRun {
  /** The built export worker. */
  worker: URL | string;
  work: WorkerTask;
  /** What it makes before it is whole: removed if the worker dies. */
  temporary: string;
  signal?: AbortSignal | undefined;
  onProgress?: ((share: number) => void) | undefined;
}

/** How failures of the worker itself are called. */
const FAILURES: Readonly<Record<WorkerTask['kind'], { code: ErrorCode; what: string; rest: string }>> = {
  export: { code: 'export.failed', what: 'exported', rest: 'The recording is unchanged; nothing unfinished was left.' },
  import: { code: 'import.failed', what: 'imported', rest: 'The file is unchanged; no recording was made.' },
};

/** Runs in a worker thread, so that neither acquisition nor screens wait for it. Throws what the work throws; engine.not-built if the worker's file is missing. */
export async function runWorker<Result extends ExportResult | ImportResult>(run: WorkerRun): Promise<Result> {
  const { work, temporary, signal, onProgress } = run;
  const file = typeof run.worker === 'string' ? run.worker : fileURLToPath(run.worker);
  const { code, what, rest } = FAILURES[work.kind];
  if (!existsSync(file)) {
    throw new LabError(
      'engine.not-built',
      `The export worker ${file} is missing. Nothing was ${what}. Build Labwire (npm start does), then try again.`,
      { file },
    );
  }
  const died = (why: string): LabError => new LabError(code, `The worker died (${why}). ${rest} Try again.`);
  const worker = new Worker(file, { workerData: work, name: `labwire-${work.kind}` });
  const cancel = (): void => worker.postMessage('cancel');
  if (signal?.aborted) cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await new Promise<Result>((resolve, reject) => {
      worker.on('message', (news: WorkerNews) => {
        if ('share' in news) onProgress?.(news.share);
        else if ('result' in news) resolve(news.result as Result);
        else reject(LabError.fromRecord(news.error));
      });
      worker.on('error', (error) => reject(died(String(error))));
      worker.on('exit', (status) => reject(died(`it ended with code ${status}`)));
    });
  } finally {
    signal?.removeEventListener('abort', cancel);
    await worker.terminate();
    // What a worker that died could not remove itself.
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
  }
}
