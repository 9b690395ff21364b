import { dirname, join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Disk } from '../recording/disk.ts';
import { diskError } from '../recording/disk.ts';
import { FILE_EXTENSION, METADATA, PART_SUFFIX } from '../recording/file-layout.ts';
import { fileStem, partStem } from '../recording/file-name.ts';
import { freeName, reopenPartFile } from '../recording/part-file.ts';
import { openPart, type PartIndex } from '../recording/part-index.ts';
import { walkPart } from '../recording/part-walk.ts';
import { pyramidPath } from '../recording/pyramid-layout.ts';
import type { Recording } from '../recording/recording.ts';
import { headEntries } from '../recording/recording-about.ts';
import { resumeFormat } from '../recording/resume-format.ts';

/** What a person writes about a recording; what is absent stays. */
export interface HeadChange {
  name?: string | undefined;
  notes?: string | undefined;
  tags?: readonly string[] | undefined;
  operator?: string | undefined;
}

/**
 * Changes what is written about a recording in its first part, and with the name the names of its own files. The end of the file is made anew behind the samples, which are not
 * touched; meanwhile it is a `.part` file, so that one cut off then is finished by the next start like any other. The recording must be closed by the caller before.
 * @throws LabError recording.fixed: it is being recorded, or not whole; recording.denied, recording.disk-full, recording.failed
 */
export async function editRecording(recording: Recording, change: HeadChange, disk: Disk, clock: Clock): Promise<void> {
  const [first] = recording.parts;
  if (!first || recording.isRunning || recording.parts.some(({ isFinished }) => !isFinished)) {
    throw new LabError(
      'recording.fixed',
      `“${recording.info.name}” is not whole or is being recorded: nothing was changed. Stop or repair it first.`,
    );
  }
  const own = recording.parts
    .filter(({ head }) => head.id === first.head.id)
    .map(({ path, head }) => ({ path, part: head.part }));
  await editPart(disk, first.path, change, clock);
  if (change.name !== undefined && change.name !== first.head.name) await renameFiles(disk, own, change.name);
}

async function editPart(disk: Disk, path: string, change: HeadChange, clock: Clock): Promise<void> {
  const moving = path + PART_SUFFIX;
  // Beside a link under another name the file may be part of something else.
  let part: PartIndex | undefined;
  try {
    part = await openPart(disk, path);
    const walk = part.walk ?? (await walkPart(part.file, part.sizeBytes));
    const { head } = part;
    await part.file.close();
    part = undefined;
    const totals = walk.records.find(({ record }) => record.type === 'Metadata' && record.name === METADATA.totals);
    const end = Math.min(walk.end, totals?.offset ?? walk.end);
    const format = resumeFormat(walk, end, walk.chunks);
    await disk.remove(pyramidPath(path)).catch(() => undefined);
    await disk.rename(path, moving);
    const file = await reopenPartFile(disk, moving, end);
    try {
      const present = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
      await file.append(format.nextMetadata(METADATA.recording, headEntries({ ...head, ...present })));
      if (totals?.record.type === 'Metadata')
        await file.append(format.nextMetadata(METADATA.totals, totals.record.metadata));
      // What the index says must be on the platter.
      await file.sync();
      await file.append(format.finish(clock.nowNs()));
      await file.finish();
    } catch (error) {
      await file.abandon();
      throw error;
    }
  } catch (error) {
    await part?.file.close().catch(() => undefined);
    throw error instanceof LabError ? error : diskError(error, path);
  }
}

/** Files that are called otherwise than the recording are found by the id they carry: one that cannot be renamed does no harm. */
async function renameFiles(disk: Disk, files: readonly { path: string; part: number }[], name: string): Promise<void> {
  const stem = fileStem(name);
  for (const { path, part } of files) {
    const wanted = join(dirname(path), partStem(stem, part));
    if (path === wanted + FILE_EXTENSION) continue;
    try {
      const free = await freeName(disk, wanted);
      await disk.rename(path, free);
      await disk.rename(pyramidPath(path), pyramidPath(free)).catch(() => undefined);
    } catch {
      return;
    }
  }
}
