import type { HubRole } from './role.ts';

/** Where a request comes from. Behind a proxy that is trusted: what the proxy says, not the proxy. */
export interface Caller {
  /** IP address in text form, `::1` or `192.168.1.4`; a zone and an IPv4-mapped prefix are understood. */
  readonly address: string;
}

/** Who a request or a socket acts for, found out by `Access.authenticate`. */
export interface Principal {
  /** Id of the user, also of an API key's; `anonymous` for nobody. Stays when the name of the user changes hands. */
  readonly user: string;
  readonly name: string;
  readonly role: HubRole;
  /** When it ends if it is not renewed, ms since 1970; undefined: never. */
  readonly expiresMs: number | undefined;
  /** The API key it came with. */
  readonly keyId?: string;
  /** The login it came from: one for all the tokens that a login was renewed with. */
  readonly loginId?: string;
}

/** Nobody in particular. */
export const ANONYMOUS: Principal = { user: 'anonymous', name: 'anonymous', role: 'anonymous', expiresMs: undefined };

/** Something a principal stood on is no more as it was. */
export interface AccessChange {
  readonly user: string;
  /** Which of the principals of that user: all, those that logged in, one login, one key. */
  readonly of: 'user' | 'logins' | 'login' | 'key';
  /** Of the login or the key. */
  readonly id?: string;
  /**
   * `ended`: sockets are closed (4401). `role`: they go on with what `Access.recheck` says and are told `permissions_changed`.
   */
  readonly what: 'ended' | 'role';
  /** For the person and the log: `The user was removed.` */
  readonly reason: string;
}

/** Whether a change concerns a principal. */
export function isConcerned(principal: Principal, change: AccessChange): boolean {
  if (principal.user !== change.user) return false;
  if (change.of === 'user') return true;
  if (change.of === 'logins') return principal.loginId !== undefined;
  return change.id === (change.of === 'login' ? principal.loginId : principal.keyId);
}
