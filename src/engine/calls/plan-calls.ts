import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';

/** Recordings that start and stop by themselves, and sweeps. */
export function createPlanCalls(_parts: EngineParts): Pick<Handlers, 'plan.set' | 'sweep.start' | 'sweep.stop'> {
  return {
    'plan.set': () => unbuilt('plan.set'),
    'sweep.start': () => unbuilt('sweep.start'),
    'sweep.stop': () => unbuilt('sweep.stop'),
  };
}

function unbuilt(call: string): never {
  throw new LabError('internal.failed', `${call} is being built.`);
}
