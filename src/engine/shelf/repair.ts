import { randomUUID } from 'node:crypto';
import { BATCH_FLAG, type Batch } from '../../core/batch.ts';
import { FedRecorder } from '../export/fed-recorder.ts';
import type { Disk } from '../recording/disk.ts';
import type { Recording } from '../recording/recording.ts';
import { unsaidAfter } from '../recording/recording-info.ts';
import { aboutRecording } from './about-recording.ts';

export interface RepairOptions {
  /** Where the new recording goes. */
  folder: string;
  disk?: Disk | undefined;
  signal?: AbortSignal | undefined;
  /** 0…1 */
  onProgress?: ((share: number) => void) | undefined;
}

export interface RepairResult {
  id: string;
  paths: string[];
  rows: number;
  /** Rows that were in damaged chunks, or are missing without having been declared lost. */
  missing: number;
  /** What could not be read, in words. */
  problems: string[];
}

/**
 * Writes what can be read of a recording as another one, whole and with an index: rows of damaged chunks are declared lost with their reason, never guessed. The damaged files are not
 * touched. @throws LabError what the disk says, call.cancelled
 */
export async function repairRecording(recording: Recording, options: RepairOptions): Promise<RepairResult> {
  const { info, streams } = recording;
  const problems = recording.parts.flatMap((part) => part.problems);
  await using fed = await FedRecorder.open(
    {
      folder: options.folder,
      name: `${info.name} repaired`,
      about: aboutRecording(info),
      labels: { operator: info.operator, tags: info.tags, thinned: info.thinned },
      disk: options.disk,
      startText: `Repaired from the recording “${info.name}” (${info.id})`,
    },
    info.startedNs,
  );
  const { recorder } = fed;
  for (const { info: stream } of streams) recorder.streamOpened(stream);
  for (const event of info.events) recorder.event(event);
  const next = new Map<number, { row: number; endNs: bigint }>();
  const total = streams.reduce((sum, { rows }) => sum + rows, 0);
  let rows = 0;
  let missing = 0;
  const read = recording.batches({ signal: options.signal, onDamage: ({ message }) => void problems.push(message) });
  for await (const batch of read) {
    const before = next.get(batch.stream);
    // Written twice, as after a disk that failed: the first counts.
    if (before && batch.seq < before.row) continue;
    const stream = streams[batch.stream - 1]?.info;
    // What a gap says already is no damage.
    const known = before && stream ? unsaidAfter(info.gaps, stream, before.row) : 0;
    const hole = before ? batch.seq - before.row - batch.lost - known : 0;
    if (before && hole > 0) {
      missing += hole;
      recorder.gap({
        stream: batch.stream,
        seq: batch.seq,
        fromNs: before.endNs,
        toNs: batch.t0Ns,
        lost: hole,
        reason: 'Damaged in the file this was repaired from',
      });
    }
    recorder.batch(hole > 0 ? declareLost(batch, batch.lost + hole) : batch);
    next.set(batch.stream, { row: batch.seq + batch.rows, endNs: batch.t0Ns });
    rows += batch.rows;
    fed.timeNs = batch.arrivedNs;
    await fed.room();
    options.onProgress?.(total > 0 ? Math.min(1, rows / total) : 1);
  }
  if (problems.length > 0) {
    recorder.event({
      id: randomUUID(),
      t: String(info.toNs),
      kind: 'status',
      severity: 'warning',
      text: `Repaired: ${missing} rows could not be read. ${problems.slice(0, 5).join(' ')}`,
    });
  }
  const { id, paths } = await fed.finish('end of what could be read');
  return { id, paths, rows, missing, problems };
}

function declareLost(batch: Batch, lost: number): Batch {
  batch.lost = lost;
  batch.flags |= BATCH_FLAG.gap;
  const view = new DataView(batch.buffer);
  view.setUint16(6, batch.flags, true);
  view.setUint32(32, lost % 0x1_0000_0000, true);
  view.setUint32(36, Math.floor(lost / 0x1_0000_0000), true);
  return batch;
}
