import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';

/** The list to go through before a night. */
export function createPreflightCalls(_parts: EngineParts): Pick<Handlers, 'recording.preflight'> {
  return {
    'recording.preflight': () => unbuilt('recording.preflight'),
  };
}

function unbuilt(call: string): never {
  throw new LabError('internal.failed', `${call} is being built.`);
}
