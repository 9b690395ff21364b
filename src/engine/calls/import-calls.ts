import { randomUUID } from 'node:crypto';
import { basename, isAbsolute } from 'node:path';
import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';
import { importError } from '../import/import-error.ts';
import { importRecording } from '../import/import-recording.ts';
import { makeFolder } from '../state/make-folder.ts';

/** Files of others as recordings. */
export function createImportCalls(parts: EngineParts): Pick<Handlers, 'recording.import'> {
  const { jobs, library, board, clock, version } = parts;
  return {
    'recording.import': ({ path, name }) => {
      if (!isAbsolute(path)) {
        throw new LabError('call.invalid', `${path} is no absolute path. Give the whole path of the file.`);
      }
      return jobs.start({
        kind: 'import',
        label: `Import of ${basename(path)}`,
        path: null,
        run: async ({ signal, progress }) => {
          const { folder } = library;
          await makeFolder(folder).catch((error: unknown) => {
            throw importError(error, path);
          });
          const known = (await library.list()).map(({ id }) => id);
          const { paths, notes } = await importRecording({
            worker: parts.exportWorker,
            path,
            folder,
            known,
            appVersion: version,
            ...(name === undefined ? {} : { name }),
            signal,
            onProgress: progress,
          });
          // One of ours that was cut off is finished here, like those that this engine finds at its start.
          if (paths.some((one) => one.endsWith('.part'))) await library.recover();
          for (const note of notes) {
            const notice = {
              id: randomUUID(),
              t: String(clock.nowNs()),
              severity: 'info' as const,
              text: `${basename(path)}: ${note}`,
            };
            board.publish('notice.raised', { notice });
          }
          return { path: paths[0]?.replace(/\.part$/, '') };
        },
      });
    },
  };
}
