import type { UserView } from './access-view.ts';
import type { KeyTable } from './key-table.ts';
import type { AccessChange, Caller, Principal } from './principal.ts';
import type { UserTable } from './user-table.ts';

export interface Credentials {
  username: string;
  password: string;
  /** One-time code, 6 digits, or one of the backup codes, for a user that has them set up. */
  mfaToken?: string | undefined;
}

/** What a login or a renewal gives. The tokens stand nowhere else: not in a file, not in a log. */
export interface Login {
  readonly access: string;
  readonly accessExpiresInS: number;
  readonly refresh: string;
  readonly refreshExpiresInS: number;
  readonly principal: Principal;
  readonly user: UserView;
}

/** Secret of one-time codes, shown once; in force from `confirmMfa` on. */
export interface MfaSetup {
  /** Base32, for typing. */
  readonly secret: string;
  /** `otpauth://…`, for a QR code. */
  readonly provisioningUri: string;
  readonly backupCodes: readonly string[];
}

/**
 * Who may come in, and as whom. Errors are LabErrors with the codes of the family `hub`; `details.retryAfterS` where waiting helps,
 * `details.attemptsRemaining` where tries are counted.
 */
export interface Access extends AsyncDisposable {
  /** For admins: whoever lets somebody at these has checked that first. */
  readonly users: UserTable;
  readonly keys: KeyTable;
  /** 32 bytes that stay over restarts, for what else has to be recognised as of this hub. */
  readonly resumeKey: Uint8Array;
  /**
   * Who stands behind an access token or an API key (`lw_…`); undefined: nobody's, which is the anonymous principal where that is allowed.
   * Throws hub.unauthenticated (none given, or not one of this hub), hub.expired (over, or its user changed since).
   */
  authenticate(token: string | undefined, from: Caller): Promise<Principal>;
  /**
   * Throws hub.unauthenticated {attemptsRemaining}, hub.mfa-required, hub.throttled {retryAfterS}, hub.busy {retryAfterS}.
   */
  login(credentials: Credentials, from: Caller): Promise<Login>;
  /** The next pair of tokens of a login. A token used twice ends the login. Throws hub.unauthenticated, hub.expired. */
  refresh(refreshToken: string): Promise<Login>;
  /** Ends the login the token (access or refresh) came from; gives how many ended: 0 if it was over, or is a key. */
  logout(token: string): Promise<number>;
  /** Throws hub.unauthenticated if the principal is no user, or is one no more. */
  me(principal: Principal): Promise<UserView>;
  /** As the three that follow, throws hub.forbidden for an API key. Throws hub.unauthenticated (wrong password), hub.weak-password. All logins of the user end, the one at hand too. */
  changePassword(principal: Principal, oldPassword: string, newPassword: string, from: Caller): Promise<void>;
  setupMfa(principal: Principal): Promise<MfaSetup>;
  /** Throws hub.unauthenticated for a wrong code; nothing is in force then. */
  confirmMfa(principal: Principal, code: string): Promise<void>;
  /** Throws hub.unauthenticated for a wrong password. */
  disableMfa(principal: Principal, password: string, from: Caller): Promise<void>;
  /** The principal as of now: with the role of today; undefined if what it stood on ended. For sockets that live long. */
  recheck(principal: Principal): Principal | undefined;
  /** When what it stands on ends as of now, ms since 1970: its key, or its login, which renewals put off. Undefined: never. */
  endOf(principal: Principal): number | undefined;
  /** Called for each change, also for one that the command line made, within a second. */
  onRevoked(listener: (change: AccessChange) => void): Disposable;
}
