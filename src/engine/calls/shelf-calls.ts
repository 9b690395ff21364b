import { basename } from 'node:path';
import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';
import { systemDisk } from '../recording/disk.ts';
import { readBytes } from '../recording/disk-read.ts';
import type { Recording } from '../recording/recording.ts';
import { editRecording } from '../shelf/edit-head.ts';
import { repairRecording } from '../shelf/repair.ts';
import { thinRecording } from '../shelf/thin.ts';
import { trashRecording } from '../shelf/trash.ts';

type ShelfCall = 'recording.edit' | 'recording.trash' | 'recording.repair' | 'recording.thin' | 'recording.read';

/** Changed, it would be one more recording that says it is the other. */
function refuseCopy(id: string, { info }: Recording): void {
  if (info.id === id) return;
  throw new LabError(
    'recording.fixed',
    `This is a copy of “${info.name}”, which lies beside it: it was not changed. Move it to another folder, or change the other.`,
    { id },
  );
}

/** Calls about recordings that lie in the folder: what is written about them, repair, thinning, trash, download. */
export function createShelfCalls({ clock, jobs, library, recorded }: EngineParts): Pick<Handlers, ShelfCall> {
  return {
    'recording.edit': async ({ recording: id, ...change }) => {
      await recorded.release(id);
      {
        await using opened = await library.open(id);
        refuseCopy(id, opened);
        await library.during(editRecording(opened, change, systemDisk, clock));
      }
      return await library.row(id);
    },
    'recording.trash': async ({ recording: id }) => {
      await recorded.release(id);
      const paths = await library.pathsOf(id);
      if ((await library.row(id)).state === 'recording') {
        throw new LabError('recording.fixed', 'It is being recorded. Stop it first, then throw it away.', { id });
      }
      await trashRecording(paths);
      library.forget(id);
      return {};
    },
    'recording.repair': async ({ recording: id }) => {
      const { name } = await library.row(id);
      return jobs.start({
        kind: 'repair',
        label: `Repair of ${name}`,
        path: null,
        run: async ({ signal, progress, madePath }) => {
          await using opened = await library.open(id);
          const { paths } = await repairRecording(opened, { folder: library.folder, signal, onProgress: progress });
          madePath(paths[0] ?? '');
        },
      });
    },
    'recording.thin': async ({ recording: id, intervalS }) => {
      const { name } = await library.row(id);
      return jobs.start({
        kind: 'thin',
        label: `Thinning of ${name}`,
        path: null,
        run: async ({ signal, progress, madePath }) => {
          await recorded.release(id);
          await using opened = await library.open(id);
          refuseCopy(id, opened);
          const paths = await thinRecording(opened, {
            intervalS,
            nowNs: clock.nowNs(),
            trash: trashRecording,
            alone: (exchange) => library.during(exchange),
            signal,
            onProgress: progress,
          });
          madePath(paths[0] ?? '');
        },
      });
    },
    'recording.read': async ({ recording: id, part, offset, bytes }) => {
      const path = (await library.pathsOf(id))[part - 1];
      if (path === undefined)
        throw new LabError('recording.unknown', `The recording has no part ${part}.`, { id, part });
      const file = await systemDisk.open(path, 'read');
      try {
        const content = await readBytes(file, offset, bytes);
        return { base64: Buffer.from(content).toString('base64'), sizeBytes: await file.size(), name: basename(path) };
      } finally {
        await file.close();
      }
    },
  };
}
