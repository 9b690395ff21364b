import { LabError } from '../../core/errors.ts';
import { lockAnswer } from '../../protocol/lab/lablink-rest.ts';
import { errorText, httpError } from '../http-error.ts';
import type { RestAnswer } from '../rest-client.ts';

/** The lock is ours. A queued one is 200 with success:false. */
export function isGiven({ status, json }: RestAnswer): boolean {
  const said = lockAnswer.safeParse(json);
  return status === 200 && said.success && said.data.success;
}

/** Somebody else has it. */
export function isTaken({ status, json }: RestAnswer): boolean {
  return status === 409 || status === 423 || (status === 200 && lockAnswer.safeParse(json).success);
}

/** What else a server says of `what`. */
export function failed(what: string, { status, json, text }: RestAnswer): LabError {
  return httpError(what, status, errorText(json, text));
}

/** Somebody else has it. */
export function busy(equipment: string, owner: string, status: number): LabError {
  return new LabError(
    'server.busy',
    `${equipment} is locked by ${owner}. Nothing was changed. Ask them to let go, or take the lock from them if you must.`,
    { equipment, owner, status },
  );
}

/** Locks belong to a session, and there was none yet. */
export function notConnected(): LabError {
  return new LabError(
    'server.closed',
    'There is no connection to the lab server yet. No lock was asked for; wait for it.',
  );
}

/** What is under way ends with the server. */
export function closed(): LabError {
  return new LabError(
    'call.cancelled',
    'The connection to the lab server is closed. What was being locked is given back.',
  );
}
