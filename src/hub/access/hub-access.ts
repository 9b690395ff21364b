import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { LabError } from '../../core/errors.ts';
import type { Access, Credentials, Login, MfaSetup } from './access.ts';
import { keyChanges, loginChanges, userChanges } from './access-diff.ts';
import type { AccessFiles, AccessFilesOptions } from './access-files.ts';
import { openAccessFiles } from './access-files.ts';
import type { LoginFile, UserRecord } from './access-schema.ts';
import { loginFile } from './access-schema.ts';
import type { UserView } from './access-view.ts';
import { derivedKey, openHubSecret } from './hub-secret.ts';
import { KeptFile } from './kept-file.ts';
import { needLogin } from './key-fence.ts';
import type { KeyTable } from './key-table.ts';
import { isOver } from './key-table.ts';
import { LoginDesk } from './login-desk.ts';
import type { LoginLimits } from './login-table.ts';
import { LoginTable, NO_LOGINS } from './login-table.ts';
import type { LoginThrottleOptions } from './login-throttle.ts';
import { LoginThrottle } from './login-throttle.ts';
import { MfaDesk } from './mfa-desk.ts';
import { systemRandom } from './password-hash.ts';
import { isLoopback } from './place.ts';
import type { AccessChange, Caller, Principal } from './principal.ts';
import { ANONYMOUS } from './principal.ts';
import { lesserRole, rightsOf } from './role.ts';
import type { TokenClaims } from './token-maker.ts';
import { TokenMaker, unknownToken } from './token-maker.ts';
import type { UserTable } from './user-table.ts';
import { viewUser } from './user-table.ts';

/** How the hub is reached at the moment. */
export interface Reach {
  /** Address it listens on. */
  host: string;
  /** Whether who has no login may look. Counts only while the hub listens on loopback. */
  anonymous: boolean;
}

export interface AccessOptions extends AccessFilesOptions {
  reach: () => Reach;
  /** What authenticator apps show. Default `Labwire`. */
  issuer?: string | undefined;
  /** Default 15 min. */
  accessTtlS?: number | undefined;
  /** From the last renewal. Default 7 d. */
  refreshTtlS?: number | undefined;
  throttle?: LoginThrottleOptions | undefined;
  logins?: LoginLimits | undefined;
  /** How often the files are looked at for what the command line changed, ms. Default 1000. */
  pollMs?: number | undefined;
}

/** Opens the users, keys and logins of a hub. Throws hub.storage. */
export async function openAccess(options: AccessOptions): Promise<Access> {
  const { folder, clock, say, random = systemRandom } = options;
  const files = await openAccessFiles(options);
  const logins = await KeptFile.open({
    path: join(folder, 'logins.json'),
    schema: loginFile,
    empty: NO_LOGINS,
    clock,
    say,
  });
  const secret = await openHubSecret(folder, clock, random, say);
  await files.desk.prepare();
  return new HubAccess(options, files, logins, new TokenMaker(clock, secret), derivedKey(secret, 'resume'));
}

class HubAccess implements Access {
  readonly users: UserTable;
  readonly keys: KeyTable;
  readonly resumeKey: Uint8Array;
  readonly #options: AccessOptions;
  readonly #files: AccessFiles;
  readonly #loginFile: KeptFile<LoginFile>;
  readonly #logins: LoginTable;
  readonly #tokens: TokenMaker;
  readonly #desk: LoginDesk;
  readonly #mfa: MfaDesk;
  readonly #throttle: LoginThrottle;
  readonly #accessTtlS: number;
  readonly #refreshTtlS: number;
  #listeners = new Set<(change: AccessChange) => void>();
  #timer: Disposable | undefined;
  #polling: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(
    options: AccessOptions,
    files: AccessFiles,
    logins: KeptFile<LoginFile>,
    tokens: TokenMaker,
    resumeKey: Uint8Array,
  ) {
    const { clock, random = systemRandom, issuer = 'Labwire', accessTtlS = 900, refreshTtlS = 604_800 } = options;
    this.#options = options;
    this.#files = files;
    this.users = files.users;
    this.keys = files.keys;
    this.resumeKey = resumeKey;
    this.#loginFile = logins;
    this.#logins = new LoginTable(logins, clock, options.logins);
    this.#tokens = tokens;
    this.#throttle = new LoginThrottle(clock, options.throttle);
    this.#mfa = new MfaDesk(clock, random, issuer);
    this.#desk = new LoginDesk(files, this.#throttle, this.#mfa, clock);
    this.#accessTtlS = accessTtlS;
    this.#refreshTtlS = refreshTtlS;
    files.userFile.onChange((now, before) => {
      for (const change of userChanges(now, before)) this.#tell(change);
      this.#desk.forgive(now, before);
    });
    files.keyFile.onChange((now, before) => keyChanges(now, before).forEach((change) => void this.#tell(change)));
    logins.onChange((now, before) => loginChanges(now, before).forEach((change) => void this.#tell(change)));
    this.#poll();
  }

  async authenticate(token: string | undefined, from: Caller): Promise<Principal> {
    if (token === undefined || token === '') return this.#anonymous(from);
    if (token.startsWith('lw_')) return await this.#byKey(token);
    const claims = await this.#tokens.verify(token, 'access');
    return this.#principal(this.#userOf(claims), claims);
  }

  async login(credentials: Credentials, from: Caller): Promise<Login> {
    await this.#files.userFile.refresh();
    const { user, place } = await this.#desk.check(credentials, from);
    const loginId = randomUUID();
    const refreshId = randomUUID();
    await this.#logins.begin(loginId, user, refreshId, this.#refreshTtlS * 1000, place);
    return this.#issue(user, loginId, refreshId);
  }

  async refresh(refreshToken: string): Promise<Login> {
    const claims = await this.#tokens.verify(refreshToken, 'refresh');
    await this.#files.userFile.refresh();
    const user = this.users.findId(claims.sub);
    if (!user) throw over('The user of this login was removed.');
    const nextId = randomUUID();
    const outcome = await this.#logins.renew(claims.login, user, claims.jti, nextId, this.#refreshTtlS * 1000);
    if (outcome === 'over') throw over('This login has ended.');
    if (outcome === 'renewed') return this.#issue(user, claims.login, nextId);
    this.#options.say(
      `A token to renew a login of ${user.name} was used twice: somebody may have copied it. That login was ended; other logins and measurements go on. If it was not a fault of a program, set a new password.`,
    );
    throw new LabError(
      'hub.unauthenticated',
      'This token was used before to renew the login. In case it was copied the login was ended; log in again.',
    );
  }

  async logout(token: string): Promise<number> {
    const claims = await this.#tokens
      .verify(token, 'access')
      .catch(() => this.#tokens.verify(token, 'refresh'))
      .catch(() => undefined);
    return claims ? await this.#logins.end(claims.login) : 0;
  }

  async me(principal: Principal): Promise<UserView> {
    return viewUser(this.#recordOf(principal));
  }

  async changePassword(principal: Principal, oldPassword: string, newPassword: string, from: Caller): Promise<void> {
    needLogin(principal);
    const user = this.#recordOf(principal);
    await this.#desk.checkPassword(user, oldPassword, from);
    await this.users.setPassword(user.name, newPassword);
  }

  async setupMfa(principal: Principal): Promise<MfaSetup> {
    needLogin(principal);
    const user = this.#recordOf(principal);
    if (user.mfa) {
      const text = `${user.name} has one-time codes already. Nothing was changed; switch them off first, which takes the password.`;
      throw new LabError('call.invalid', text);
    }
    return this.#mfa.begin(user);
  }

  async confirmMfa(principal: Principal, code: string): Promise<void> {
    needLogin(principal);
    const user = this.#recordOf(principal);
    await this.users.setMfa(user.name, this.#mfa.confirm(user, code));
  }

  async disableMfa(principal: Principal, password: string, from: Caller): Promise<void> {
    needLogin(principal);
    const user = this.#recordOf(principal);
    await this.#desk.checkPassword(user, password, from);
    await this.users.setMfa(user.name, null);
  }

  recheck(principal: Principal): Principal | undefined {
    if (principal.user === ANONYMOUS.user) return this.#mayBeAnonymous() ? principal : undefined;
    const user = this.users.findId(principal.user);
    if (!user) return undefined;
    if (principal.keyId === undefined) {
      if (principal.loginId === undefined || !this.#logins.find(principal.loginId, user)) return undefined;
      return { ...principal, name: user.name, role: user.role };
    }
    const key = this.keys.findId(principal.keyId);
    if (!key || isOver(key, this.#nowMs())) return undefined;
    return { ...principal, name: user.name, role: lesserRole(user.role, key.role ?? user.role) };
  }

  endOf({ user, keyId, loginId }: Principal): number | undefined {
    if (keyId !== undefined) {
      const key = this.keys.findId(keyId);
      return key ? (key.expiresMs ?? undefined) : 0;
    }
    if (user === ANONYMOUS.user) return undefined;
    const record = this.users.findId(user);
    return (record && loginId !== undefined && this.#logins.find(loginId, record)?.expiresMs) || 0;
  }

  onRevoked(listener: (change: AccessChange) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return await this.#polling;
    this.#disposed = true;
    this.#timer?.[Symbol.dispose]();
    this.#polling = this.#polling
      .then(() => this.keys.flush(true))
      .catch((thrown) => this.#options.say(LabError.from(thrown).message));
    await this.#polling;
  }

  #mayBeAnonymous(): boolean {
    const { host, anonymous } = this.#options.reach();
    return anonymous && isLoopback(host);
  }

  #anonymous(from: Caller): Principal {
    if (this.#mayBeAnonymous() && isLoopback(from.address)) return ANONYMOUS;
    throw new LabError(
      'hub.unauthenticated',
      'This bench wants a login. Nothing was done; log in, or use an API key (`labwire token add` makes one).',
    );
  }

  async #byKey(secret: string): Promise<Principal> {
    // One that was made a moment ago by the command line is not known yet.
    if (!this.keys.match(secret)) await Promise.all([this.#files.userFile.refresh(), this.#files.keyFile.refresh()]);
    const key = this.keys.match(secret);
    const user = key && this.users.findId(key.user);
    if (!key || !user) throw unknownToken();
    if (isOver(key, this.#nowMs())) {
      const text = `The API key ${key.label || key.id} has run out. Nothing was done; make another one (\`labwire token add\`).`;
      throw new LabError('hub.expired', text);
    }
    this.keys.noteUse(key);
    const role = lesserRole(user.role, key.role ?? user.role);
    return { user: user.id, name: user.name, role, expiresMs: key.expiresMs ?? undefined, keyId: key.id };
  }

  /** The user of a token, if nothing it stands on changed. */
  #userOf(claims: TokenClaims): UserRecord {
    const user = this.users.findId(claims.sub);
    if (!user) throw over('The user of this login was removed.');
    if (!this.#logins.find(claims.login, user)) throw over('This login has ended.');
    if (claims.ver !== user.tokenVersion) {
      throw new LabError('hub.expired', `The role of ${user.name} was changed. Nothing was done; renew the login.`);
    }
    return user;
  }

  #principal(user: UserRecord, claims: Pick<TokenClaims, 'exp' | 'login'>): Principal {
    const { id, name, role } = user;
    return { user: id, name, role, expiresMs: claims.exp * 1000, loginId: claims.login };
  }

  async #issue(user: UserRecord, login: string, refreshId: string): Promise<Login> {
    const { id, name, role, tokenVersion: version } = user;
    const subject = { user: id, name, role, scopes: [role, ...rightsOf(role)], version, login };
    const exp = Math.floor(this.#nowMs() / 1000) + this.#accessTtlS;
    return {
      access: await this.#tokens.sign('access', subject, randomUUID(), this.#accessTtlS),
      accessExpiresInS: this.#accessTtlS,
      refresh: await this.#tokens.sign('refresh', subject, refreshId, this.#refreshTtlS),
      refreshExpiresInS: this.#refreshTtlS,
      principal: this.#principal(user, { exp, login }),
      user: viewUser(user),
    };
  }

  #recordOf(principal: Principal): UserRecord {
    const user = this.users.findId(principal.user);
    if (user) return user;
    const text = principal.user === ANONYMOUS.user ? 'Nobody is logged in.' : 'The user of this login was removed.';
    throw new LabError('hub.unauthenticated', `${text} Nothing was done; log in.`);
  }

  #tell(change: AccessChange): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(change);
      } catch (thrown) {
        // What was changed is changed; the others must hear of it.
        this.#options.say(LabError.from(thrown).message);
      }
    }
  }

  /** What the command line changed is in force within a second. */
  #poll(): void {
    const { clock, pollMs = 1000, say } = this.#options;
    this.#timer = clock.after(pollMs, () => {
      this.#polling = this.#look()
        .catch((thrown) => say(LabError.from(thrown).message))
        .then(() => {
          if (!this.#disposed) this.#poll();
        });
    });
  }

  async #look(): Promise<void> {
    await this.#files.userFile.refresh();
    await this.#files.keyFile.refresh();
    await this.#loginFile.refresh();
    this.#throttle.sweep();
    await this.keys.flush();
  }

  #nowMs(): number {
    return Number(this.#options.clock.nowNs() / 1_000_000n);
  }
}

function over(what: string): LabError {
  return new LabError('hub.expired', `${what} Nothing was done; log in again.`);
}
