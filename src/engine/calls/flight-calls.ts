import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';

/** The flight recorder. */
export function createFlightCalls(_parts: EngineParts): Pick<Handlers, 'recording.saveLast'> {
  return {
    'recording.saveLast': () => unbuilt('recording.saveLast'),
  };
}

function unbuilt(call: string): never {
  throw new LabError('internal.failed', `${call} is being built.`);
}
