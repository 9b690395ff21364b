import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';

/** Recordings that play again. */
export function createReplayCalls(_parts: EngineParts): Pick<Handlers, 'replay.open' | 'replay.set' | 'replay.close'> {
  return {
    'replay.open': () => unbuilt('replay.open'),
    'replay.set': () => unbuilt('replay.set'),
    'replay.close': () => unbuilt('replay.close'),
  };
}

function unbuilt(call: string): never {
  throw new LabError('internal.failed', `${call} is being built.`);
}
