import { parentPort, workerData } from 'node:worker_threads';
import { LabError } from '../../core/errors.ts';
import { type ExportTask, exportFile } from './export-file.ts';
import type { WorkerNews } from './export-recording.ts';

/** Entry of the worker: exports what it was started with, tells how far it is, stops when told anything. */
const port = parentPort;
if (port) {
  const abort = new AbortController();
  port.once('message', () => abort.abort());
  const tell = (news: WorkerNews): void => port.postMessage(news);
  const task: ExportTask = workerData;
  let shown = 0;
  const onProgress = (share: number): void => {
    if (share - shown < 0.005) return;
    shown = share;
    tell({ share });
  };
  exportFile(task, { signal: abort.signal, onProgress }).then(
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
