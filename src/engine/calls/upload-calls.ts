import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';

type UploadCall = 'upload.setTarget' | 'upload.add' | 'upload.retry' | 'upload.cancel';

/** Recordings on their way to a server. */
export function createUploadCalls({ uploads, library }: EngineParts): Pick<Handlers, UploadCall> {
  return {
    'upload.setTarget': ({ target, password }) => uploads.setTarget(target, password),
    'upload.add': async ({ recording }) => {
      const row = await library.row(recording);
      // Its files have their names from the first byte on; those of a recording of samples are known by theirs.
      if (row.format !== 'labwire' && row.state === 'recording') {
        throw new LabError(
          'recording.fixed',
          `The session “${row.name}” is being recorded. Stop it first, then upload it.`,
        );
      }
      return uploads.add(row);
    },
    'upload.retry': ({ upload }) => {
      uploads.retry(upload);
      return {};
    },
    'upload.cancel': ({ upload }) => {
      uploads.cancel(upload);
      return {};
    },
  };
}
