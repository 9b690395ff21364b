import { parentPort, workerData } from 'node:worker_threads';
import { LabError } from '../../core/errors.ts';
import { importFile } from '../import/import-file.ts';
import type { ImportResult } from '../import/import-task.ts';
import { type ExportResult, exportFile } from './export-file.ts';
import type { WorkerNews, WorkerTask } from './worker-job.ts';

/** Entry of the worker: does what it was started with, tells how far it is, stops when told anything. */
const port = parentPort;
if (port) {
  const abort = new AbortController();
  port.once('message', () => abort.abort());
  const tell = (news: WorkerNews): void => port.postMessage(news);
  let shown = 0;
  const onProgress = (share: number): void => {
    if (share - shown < 0.005) return;
    shown = share;
    tell({ share });
  };
  run(workerData, { signal: abort.signal, onProgress }).then(
    (result) => {
      tell({ result });
      port.close();
    },
    (error: unknown) => {
      tell({ error: LabError.from(error).toJSON() });
      port.close();
    },
  );
}

type Watch = Parameters<typeof exportFile>[1];

function run(work: WorkerTask, watch: Watch): Promise<ExportResult | ImportResult> {
  return work.kind === 'export' ? exportFile(work.task, watch) : importFile(work.task, watch);
}
