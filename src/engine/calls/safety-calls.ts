import type { Handlers } from '../../contract/serve.ts';
import type { EngineParts } from '../engine-parts.ts';

type SafetyCall =
  | 'safety.set'
  | 'safety.remove'
  | 'safety.arm'
  | 'safety.disarm'
  | 'emergency.stop'
  | 'emergency.release';

/** Calls about the limits of devices under test, and the emergency stop. */
export function createSafetyCalls({ emergency, safety }: EngineParts): Pick<Handlers, SafetyCall> {
  return {
    'safety.set': ({ device }, { who }) => safety.put(device, who),
    'safety.remove': ({ device }, { who }) => safety.remove(device, who),
    'safety.arm': ({ device, minutes }, { who }) => safety.arm(device, minutes, who),
    'safety.disarm': ({ device }, { who }) => safety.disarm(device, who),
    'emergency.stop': async (_input, { who }) => ({ results: await emergency.stop(who) }),
    'emergency.release': async (_input, { who }) => ({ released: await emergency.release(who) }),
  };
}
