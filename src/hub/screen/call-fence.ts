import { CALLS } from '../../contract/calls.ts';
import { type FromScreen, isCallName } from '../../contract/envelope.ts';
import { LabError } from '../../core/errors.ts';
import type { Principal } from '../access/principal.ts';
import { hasRight } from '../access/role.ts';

/** Between engine and hub: with the trust of the hub's link a page could pass itself off as the hub. */
const OF_THE_HUB = new Set(['share.offer', 'share.report', 'share.answer']);

/** What would outlive the API key that asks for it, as over REST. */
const OF_A_LOGIN = new Set(['share.addUser', 'share.setRole', 'share.setPassword', 'share.addToken', 'share.endCodes']);

type Asked = Omit<Extract<FromScreen, { type: 'request' }>, 'type' | 'id'>;

/** Why a call of a remote page does not reach the engine; undefined: it does. Always call.denied, and nothing was done. */
export function refuseCall({ call, input, as }: Asked, { name, role, keyId }: Principal): LabError | undefined {
  if (as) return denied(`${shown(call)} came in the name of ${as.user}: a page calls in its own name alone.`);
  // The engine says that there is no such call.
  if (!isCallName(call)) return undefined;
  if (keyId !== undefined && OF_A_LOGIN.has(call))
    return denied(`${call} takes a login with the password: what an API key makes would outlive it.`);
  if (OF_THE_HUB.has(call)) return denied(`${call} is between the engine and the hub.`);
  const { right } = CALLS[call];
  if (!hasRight(role, right)) {
    const what =
      right === 'control' && hasRight(role, 'view')
        ? `View only: ${name} (${role}) may look at this bench and not control it.`
        : `${name} (${role}) may not do that: ${call} needs the right "${right}".`;
    return denied(`${what} Ask whoever runs the bench for another role.`, right);
  }
  if (namesPath(input) && !hasRight(role, 'manage')) {
    return denied(
      `${call} names a place on the disk of the bench, which needs the right "manage". Leave the place out and the bench chooses it.`,
      'manage',
    );
  }
  return undefined;
}

function namesPath(input: unknown): boolean {
  return typeof input === 'object' && input !== null && 'path' in input && input.path !== undefined;
}

function denied(text: string, right?: string): LabError {
  return new LabError('call.denied', `${text} Nothing was done.`, right === undefined ? {} : { right });
}

function shown(call: string): string {
  return JSON.stringify(call.slice(0, 100));
}
