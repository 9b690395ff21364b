import type { Handlers } from '../../contract/serve.ts';
import { parseResource } from '../../core/resource.ts';
import { diagnose } from '../doctor/diagnose.ts';
import { isSameWire } from '../doctor/same-wire.ts';
import type { EngineParts } from '../engine-parts.ts';

/** Why a resource does not appear or answer. */
export function createDoctorCalls({ clock, instruments }: EngineParts): Pick<Handlers, 'doctor.run'> {
  return {
    'doctor.run': ({ resource, tries, line }, { signal }) =>
      diagnose(resource, {
        clock,
        signal,
        tries,
        line,
        sharedWith: (parsed) => instruments.all.find((one) => isSameWire(parseResource(one.resource), parsed))?.label,
        attachedAt: (canonical) => instruments.all.find((one) => one.resource === canonical)?.state,
      }),
  };
}
