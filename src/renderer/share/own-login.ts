import { codeSetup, codeStatus, hubRefusal } from '../../contract/own-login.ts';
import { LabError } from '../../core/errors.ts';
import { readLogin } from '../remote-login.ts';

const LIMIT_MS = 15_000;

/** What an app for one-time codes is given, and what opens the login without it. */
export interface CodeSetup {
  readonly secret: string;
  /** For the QR code. */
  readonly uri: string;
  /** Each is good once. */
  readonly backupCodes: readonly string[];
}

/** Whether the login of this page wants a one-time code. Throws what the hub says, link.closed. */
export async function wantsCode(): Promise<boolean> {
  return codeStatus.parse(await ask('mfa/status')).mfa_enabled;
}

/** Begins the set-up of one-time codes; nothing holds until `confirmCodes`. Throws what the hub says, link.closed. */
export async function beginCodes(): Promise<CodeSetup> {
  const { secret, backup_codes, provisioning_uri } = codeSetup.parse(await ask('mfa/setup', {}));
  return { secret, uri: provisioning_uri, backupCodes: backup_codes };
}

/** From now on the login wants a code. Throws hub.unauthenticated for a wrong one, link.closed. */
export async function confirmCodes(token: string): Promise<void> {
  await ask('mfa/verify', { token });
}

/** The login wants no code any more. Throws hub.unauthenticated for a wrong password, link.closed. */
export async function endCodes(password: string): Promise<void> {
  await ask('mfa/disable', { password });
}

/** Ends every login of this user, that of this page too. Throws hub.unauthenticated, hub.weak-password, link.closed. */
export async function changePassword(old: string, next: string): Promise<void> {
  await ask('users/change-password', { old_password: old, new_password: next });
}

/** Asks the hub about the login of this page; with a body it is a POST. */
async function ask(path: string, body?: object): Promise<unknown> {
  const login = readLogin();
  if (!login) throw new LabError('hub.unauthenticated', 'This page is not logged in. Nothing was done; log in again.');
  const answer = await fetch(new URL(`api/security/${path}`, document.baseURI), {
    method: body ? 'POST' : 'GET',
    headers: { Authorization: `Bearer ${login.access}`, ...(body ? { 'Content-Type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(LIMIT_MS),
  }).catch(() => undefined);
  if (!answer)
    throw new LabError('link.closed', 'The bench does not answer. Whether it was done is not known; look again.');
  const said: unknown = await answer.json().catch(() => undefined);
  if (answer.ok) return said;
  const refusal = hubRefusal.safeParse(said);
  const code = answer.status === 401 ? 'hub.unauthenticated' : answer.status === 429 ? 'hub.throttled' : 'call.denied';
  throw new LabError(code, refusal.data?.detail ?? `The bench refused it (${answer.status}). Nothing was changed.`);
}
