import type { Handlers } from '../../contract/serve.ts';
import type { EngineParts } from '../engine-parts.ts';

type SafetyCall = 'safety.set' | 'safety.remove' | 'safety.arm' | 'safety.disarm';

/** Calls about the limits of devices under test. */
export function createSafetyCalls({ safety }: EngineParts): Pick<Handlers, SafetyCall> {
  return {
    'safety.set': ({ device }, { who }) => safety.put(device, who),
    'safety.remove': ({ device }, { who }) => safety.remove(device, who),
    'safety.arm': ({ device, minutes }, { who }) => safety.arm(device, minutes, who),
    'safety.disarm': ({ device }, { who }) => safety.disarm(device, who),
  };
}
