import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';

/** Recordings on their way to a server. */
export function createUploadCalls(
  _parts: EngineParts,
): Pick<Handlers, 'upload.setTarget' | 'upload.add' | 'upload.retry' | 'upload.cancel'> {
  return {
    'upload.setTarget': () => unbuilt('upload.setTarget'),
    'upload.add': () => unbuilt('upload.add'),
    'upload.retry': () => unbuilt('upload.retry'),
    'upload.cancel': () => unbuilt('upload.cancel'),
  };
}

function unbuilt(call: string): never {
  throw new LabError('internal.failed', `${call} is being built.`);
}
