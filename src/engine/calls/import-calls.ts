import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';

/** Files of others as recordings. */
export function createImportCalls(_parts: EngineParts): Pick<Handlers, 'recording.import'> {
  return {
    'recording.import': () => unbuilt('recording.import'),
  };
}

function unbuilt(call: string): never {
  throw new LabError('internal.failed', `${call} is being built.`);
}
