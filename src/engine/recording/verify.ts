import type { z } from 'zod';
import type { verifyReport } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { measuredColumns } from '../../core/stream-info.ts';
import { copyMessageBatch, readChunk } from './chunk-reader.ts';
import { EVENT_CHANNEL_ID } from './file-layout.ts';
import type { Recording } from './recording.ts';

export type VerifyReport = z.infer<typeof verifyReport>;

const MAX_PROBLEMS = 100;

/**
 * Reads every byte: checksums, batches, row numbers without a hole that is not declared as lost, counts as the index says.
 * @throws whatever `signal` aborts with; the disk's errors. What is wrong with the recording goes into the report.
 */
export async function verifyRecording(
  recording: Recording,
  options: { signal?: AbortSignal | undefined; onProgress?: ((share: number) => void) | undefined } = {},
): Promise<VerifyReport> {
  const report: VerifyReport = { ok: true, chunks: 0, batches: 0, samples: 0, lost: recording.info.lost, problems: [] };
  const tell = (problem: string): void => {
    report.ok = false;
    if (report.problems.length < MAX_PROBLEMS) report.problems.push(problem);
    else if (report.problems.length === MAX_PROBLEMS) report.problems.push('More problems follow.');
  };
  if (recording.info.missing !== '') tell(recording.info.missing);
  const nextRow = new Map<number, number>();
  const total = recording.parts.reduce((sum, part) => sum + part.chunks.length, 0);
  for (const part of recording.parts) {
    for (const chunk of part.chunks) {
      options.signal?.throwIfAborted();
      report.chunks++;
      options.onProgress?.(report.chunks / total);
      const rows = new Map<number, number>();
      try {
        for (const message of await readChunk(part.file, chunk)) {
          if (message.channel === EVENT_CHANNEL_ID) continue;
          const stream = recording.numberOf(part, message.channel);
          const batch = stream === undefined ? undefined : copyMessageBatch(message, stream);
          if (stream === undefined || !batch) {
            tell(`A message at ${chunk.offset} of ${part.path} is no batch of an announced stream.`);
            continue;
          }
          const expected = nextRow.get(stream);
          if (expected !== undefined && batch.seq !== expected + batch.lost) {
            const key = recording.streams[stream - 1]?.info.key;
            tell(`Stream ${key}: row ${batch.seq} follows row ${expected - 1} with ${batch.lost} declared lost.`);
          }
          nextRow.set(stream, batch.seq + batch.rows);
          rows.set(message.channel, (rows.get(message.channel) ?? 0) + batch.rows);
          report.batches++;
          const info = recording.streams[stream - 1]?.info;
          report.samples += batch.rows * (info ? measuredColumns(info).length : 0);
        }
        for (const digest of chunk.streams) {
          if (rows.get(digest.channel) !== digest.rows)
            tell(
              `The index says ${digest.rows} rows at ${chunk.offset} of ${part.path}, there are ${rows.get(digest.channel) ?? 0}.`,
            );
        }
      } catch (error) {
        if (!(error instanceof LabError)) throw error;
        tell(error.message);
        // What follows the hole is not the hole's fault.
        for (const digest of chunk.streams) nextRow.delete(recording.numberOf(part, digest.channel) ?? 0);
      }
    }
  }
  return report;
}
