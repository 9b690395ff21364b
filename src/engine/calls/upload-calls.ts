import type { Handlers } from '../../contract/serve.ts';
import type { EngineParts } from '../engine-parts.ts';

type UploadCall = 'upload.setTarget' | 'upload.add' | 'upload.retry' | 'upload.cancel';

/** Recordings on their way to a server. */
export function createUploadCalls({ uploads, library }: EngineParts): Pick<Handlers, UploadCall> {
  return {
    'upload.setTarget': ({ target, password }) => uploads.setTarget(target, password),
    'upload.add': async ({ recording }) => uploads.add(await library.row(recording)),
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
