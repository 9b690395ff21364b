import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';

/** Channels computed from others. */
export function createMathCalls(_parts: EngineParts): Pick<Handlers, 'math.set'> {
  return {
    'math.set': () => unbuilt('math.set'),
  };
}

function unbuilt(call: string): never {
  throw new LabError('internal.failed', `${call} is being built.`);
}
