import { LabError } from '../core/errors.ts';

/**
 * The login of this page at a hub. It lives in the storage of the session, so each tab has its own and it ends with the tab: a cookie would be shared by
 * all tabs, which would then renew the same token twice, and by all ports of the machine, where another bench may be.
 */
export interface RemoteLogin {
  readonly user: string;
  readonly role: string;
  /** Good for one renewal. */
  readonly refresh: string;
  readonly access: string;
  /** Date.now() when `access` runs out. */
  readonly expiresAt: number;
}

const KEY = 'labwire.login';
const RENEWAL_LIMIT_MS = 10_000;

export function readLogin(): RemoteLogin | undefined {
  const text = sessionStorage.getItem(KEY);
  if (text === null) return undefined;
  try {
    return JSON.parse(text) as RemoteLogin;
  } catch {
    return undefined;
  }
}

export function forgetLogin(): void {
  sessionStorage.removeItem(KEY);
}

/** Keeps what a login or a renewal was answered with. Throws hub.malformed. */
export function keepLogin(answer: unknown): RemoteLogin {
  const { access_token: access, refresh_token: refresh, expires_in: expiresInS, user } = fieldsOf(answer);
  const { username, roles } = fieldsOf(user);
  const role: unknown = Array.isArray(roles) ? roles[0] : undefined;
  if (typeof access !== 'string' || typeof refresh !== 'string' || typeof expiresInS !== 'number')
    throw new LabError('hub.malformed', 'The hub answered the login with something else. Load the page again.');
  const login: RemoteLogin = {
    user: typeof username === 'string' ? username : '',
    role: typeof role === 'string' ? role : '',
    refresh,
    access,
    expiresAt: Date.now() + expiresInS * 1000,
  };
  sessionStorage.setItem(KEY, JSON.stringify(login));
  return login;
}

/** Gets the next tokens. Throws hub.unauthenticated when the login is over (it is forgotten then), link.closed when the hub did not say. */
export function renewLogin(login: RemoteLogin): Promise<RemoteLogin> {
  renewal ??= renew(login).finally(() => {
    renewal = undefined;
  });
  return renewal;
}

/** One at a time: a token used twice ends the login. */
let renewal: Promise<RemoteLogin> | undefined;

async function renew(login: RemoteLogin): Promise<RemoteLogin> {
  const answer = await fetch(new URL('api/security/refresh', document.baseURI), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ refresh_token: login.refresh }),
    signal: AbortSignal.timeout(RENEWAL_LIMIT_MS),
  }).catch(() => undefined);
  if (answer?.ok) return keepLogin(await answer.json());
  if (answer?.status !== 401 && answer?.status !== 403)
    throw new LabError('link.closed', 'The bench does not answer. It may be starting, or the network is down.');
  forgetLogin();
  throw new LabError('hub.unauthenticated', 'Your login has ended. Log in again.');
}

/** Ends the login at the hub and shows the page for logging in. */
export async function logOut(): Promise<void> {
  const login = readLogin();
  forgetLogin();
  if (login)
    await fetch(new URL('api/security/logout', document.baseURI), {
      method: 'POST',
      headers: { Authorization: `Bearer ${login.access}` },
    }).catch(() => undefined);
  showLogin();
}

/** Where a page logs in. */
export function showLogin(): void {
  location.assign(new URL('login', document.baseURI));
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
