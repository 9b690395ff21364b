import type { Link } from '../contract/link.ts';
import { encodeLoginRenewal } from '../contract/login-renewal.ts';
import { LabError } from '../core/errors.ts';
import { isTakenOff } from '../core/taken-off.ts';
import type { LinkOpener } from './engine-link.ts';
import { type RemoteLogin, readLogin, renewLogin } from './remote-login.ts';

/** Renewed when this share of its time is left, so that a slow network has several tries. */
const RENEW_AT = 0.3;
const TRY_AGAIN_MS = 10_000;
/** A token with less left is renewed before it is used. */
const TOO_SHORT_MS = 5_000;

/**
 * Opens links to a hub with the login of this page. A token that runs out while a link is open is renewed over it, so that what is drawn goes on; one
 * that is refused at the door (the role changed, the hub was away) is renewed and tried once more.
 */
export function createHubOpener(openLink: (token: string, signal: AbortSignal) => Promise<Link>): LinkOpener {
  let lastReason = '';
  return {
    way: `browser at ${location.host}`,
    open: async (signal) => {
      try {
        if (isTakenOff(lastReason)) {
          // Once: a person who tries again means it.
          const why = lastReason;
          lastReason = '';
          throw new LabError('call.denied', `${why} What runs at the bench goes on.`);
        }
        let login = readLogin();
        if (!login) throw new LabError('hub.unauthenticated', 'This page is not logged in. Log in again.');
        if (login.expiresAt - Date.now() < TOO_SHORT_MS) login = await renewLogin(login);
        const stale = login;
        const link = await openLink(login.access, signal).catch(async () => {
          login = await renewLogin(readLogin() ?? stale);
          return openLink(login.access, signal);
        });
        keepRenewed(link, login);
        void link.closed.then((reason) => {
          lastReason = reason;
        });
        return link;
      } catch (thrown) {
        const error = LabError.from(thrown);
        if (error.code !== 'hub.unauthenticated') throw error;
        const why = lastReason.endsWith('Log in again.') ? lastReason : error.message;
        throw new LabError(error.code, `${why} What runs at the bench goes on.`);
      }
    },
  };
}

/** Renews in time, for as long as the link is open. */
function keepRenewed(link: Link, login: RemoteLogin): void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = (current: RemoteLogin, ms: number): void => {
    timer = setTimeout(() => void renew(current), ms);
  };
  const renew = async (current: RemoteLogin): Promise<void> => {
    try {
      const next = await renewLogin(readLogin() ?? current);
      link.send(encodeLoginRenewal(next.access));
      wait(next, (next.expiresAt - Date.now()) * (1 - RENEW_AT));
    } catch (thrown) {
      const error = LabError.from(thrown);
      if (error.code === 'hub.unauthenticated') link.end(error.message);
      else wait(current, TRY_AGAIN_MS);
    }
  };
  wait(login, Math.max(0, login.expiresAt - Date.now()) * (1 - RENEW_AT));
  void link.closed.then(() => clearTimeout(timer));
}
