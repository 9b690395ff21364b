import { LabError } from '../../core/errors.ts';
import type { Principal } from '../access/principal.ts';
import { hasRight, maySubscribe } from '../access/role.ts';
import type { HubParts } from '../hub-parts.ts';

/** Who has no login reads values only where the bench is shared so. Throws hub.forbidden. */
export function needReadings({ roles }: Pick<HubParts, 'roles'>, principal: Principal): void {
  if (maySubscribe(principal.role, 'readings', roles)) return;
  throw new LabError(
    'hub.forbidden',
    'Values of this bench are for those with a login. Nothing was read; log in first.',
  );
}

/** Alarms are for people with a name. Throws hub.forbidden. */
export function needAlarms({ roles }: Pick<HubParts, 'roles'>, principal: Principal): void {
  if (maySubscribe(principal.role, 'alarms', roles)) return;
  throw new LabError(
    'hub.forbidden',
    'Alarms of this bench are for those with a login. Nothing was read; log in first.',
  );
}

/** Throws hub.forbidden for acquisitions, which viewers do not have. */
export function needAcquisitions({ roles }: Pick<HubParts, 'roles'>, principal: Principal): void {
  if (maySubscribe(principal.role, 'acquisition', roles)) return;
  throw new LabError('hub.forbidden', `The role ${principal.role} has no acquisitions. Nothing was done.`);
}

/** Throws hub.forbidden. */
export function needControl(principal: Principal): void {
  if (hasRight(principal.role, 'control')) return;
  throw new LabError(
    'hub.forbidden',
    `${principal.name} may not do that here: it needs the right control. Nothing was done.`,
  );
}
