import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';

/** Calls about recordings that lie in the folder: what is written about them, repair, thinning, trash, download. */
export function createShelfCalls(
  _parts: EngineParts,
): Pick<Handlers, 'recording.edit' | 'recording.trash' | 'recording.repair' | 'recording.thin' | 'recording.read'> {
  return {
    'recording.edit': () => unbuilt('recording.edit'),
    'recording.trash': () => unbuilt('recording.trash'),
    'recording.repair': () => unbuilt('recording.repair'),
    'recording.thin': () => unbuilt('recording.thin'),
    'recording.read': () => unbuilt('recording.read'),
  };
}

function unbuilt(call: string): never {
  throw new LabError('internal.failed', `${call} is being built.`);
}
