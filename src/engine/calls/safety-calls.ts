import type { Handlers } from '../../contract/serve.ts';
import type { EngineParts } from '../engine-parts.ts';

type SafetyCall = 'safety.set' | 'safety.remove' | 'safety.arm' | 'safety.disarm';

/** Calls about the limits of devices under test. */
export function createSafetyCalls({ safety }: EngineParts): Pick<Handlers, SafetyCall> {
  return {
    'safety.set': ({ device }, { screen }) => safety.put(device, screen.name),
    'safety.remove': ({ device }, { screen }) => safety.remove(device, screen.name),
    'safety.arm': ({ device, minutes }, { screen }) => safety.arm(device, minutes, screen.name),
    'safety.disarm': ({ device }, { screen }) => safety.disarm(device, screen.name),
  };
}
