import { type ExportResult, type ExportTask, type ExportWatch, temporaryName } from './export-file.ts';
import { runWorker } from './worker-job.ts';

export interface ExportRequest extends ExportTask, ExportWatch {
  /** The built export worker. */
  worker: URL | string;
}

/**
 * Exports in a worker thread.
 * @throws LabError as `exportFile`; engine.not-built if the worker's file is missing
 */
export async function exportRecording({ worker, signal, onProgress, ...task }: ExportRequest): Promise<ExportResult> {
  const temporary = temporaryName(task.out);
  return runWorker({ worker, work: { kind: 'export', task: { ...task, temporary } }, temporary, signal, onProgress });
}
