import { createReadStream } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LabError } from '../../core/errors.ts';
import { fileStem, partStem } from '../recording/file-name.ts';
import { openRecording } from '../recording/recording.ts';
import { importFailed } from './import-error.ts';
import type { ImportJob, ImportResult } from './import-task.ts';
import { placeRecording } from './place-recording.ts';

const PIECE_BYTES = 1 << 20;

/**
 * Copies a recording of ours with all its parts into the folder; it stays the recording it is (same id). One that was cut off is finished there.
 * @throws LabError import.failed: it is there already, or is being written; recording.*: it cannot be read.
 */
export async function importOwn(job: ImportJob): Promise<ImportResult> {
  const { path, folder, temporary, known, name } = job;
  await using recording = await openRecording(path);
  const { id, missing } = recording.info;
  if (known.includes(id)) {
    throw importFailed(path, 'this recording is in the folder already', 'Look for it in the list of recordings.', {
      recording: id,
    });
  }
  if (recording.isRunning) {
    throw importFailed(path, 'it is being written', 'Wait until its recording has ended, then import it.', {
      recording: id,
    });
  }
  await mkdir(temporary);
  const total = recording.parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let done = 0;
  const copies: string[] = [];
  for (const { path: part, isFinished, head } of recording.parts) {
    const own = name !== undefined && head.id === id;
    const stem = own ? partStem(fileStem(name), head.part) : basename(part).replace(/\.mcap(\.part)?$/, '');
    const copy = join(temporary, `${stem}.mcap${isFinished ? '' : '.part'}`);
    await copyFile(part, copy, (bytes) => {
      done += bytes;
      job.tick(total === 0 ? 1 : done / total);
    });
    copies.push(copy);
  }
  const rows = recording.streams.reduce((sum, stream) => sum + stream.rows, 0);
  const paths = await placeRecording(copies, folder);
  return { recording: id, paths, rows, notes: missing === '' ? [] : [missing] };
}

async function copyFile(from: string, to: string, told: (bytes: number) => void): Promise<void> {
  const target = await open(to, 'wx');
  try {
    for await (const piece of createReadStream(from, { highWaterMark: PIECE_BYTES })) {
      const bytes = piece as Uint8Array;
      await target.writeFile(bytes);
      told(bytes.byteLength);
    }
    await target.sync();
  } finally {
    await target.close();
  }
  const [was, is] = await Promise.all([stat(from), stat(to)]);
  if (was.size === is.size) return;
  throw new LabError('import.failed', `${from} changed while it was copied. No recording was made. Import it again.`, {
    path: from,
  });
}
