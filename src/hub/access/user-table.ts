import { createHash, randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { UserFile, UserRecord } from './access-schema.ts';
import { userName } from './access-schema.ts';
import type { UserView } from './access-view.ts';
import type { KeptFile } from './kept-file.ts';
import type { PasswordDesk } from './password-desk.ts';
import { checkPassword } from './password-rule.ts';
import type { NamedRole } from './role.ts';

const MAX_USERS = 1000;

export const NO_USERS: UserFile = { version: 1, users: [] };

/** The users of a hub, in `users.json`. Names are compared without regard to case. */
export class UserTable {
  readonly #file: KeptFile<UserFile>;
  readonly #desk: PasswordDesk;
  readonly #clock: Clock;

  constructor(file: KeptFile<UserFile>, desk: PasswordDesk, clock: Clock) {
    this.#file = file;
    this.#desk = desk;
    this.#clock = clock;
  }

  list(): UserView[] {
    return this.#file.value.users.map(viewUser);
  }

  /** Throws hub.user-unknown. */
  get(name: string): UserView {
    return viewUser(this.#need(name));
  }

  find(name: string): UserRecord | undefined {
    return findByName(this.#file.value, name);
  }

  findId(id: string): UserRecord | undefined {
    return this.#file.value.users.find((user) => user.id === id);
  }

  /** Throws call.invalid for what is no name, hub.user-known for one that is taken. */
  checkName(name: string): void {
    if (!userName.safeParse(name).success) {
      const text = `"${name.slice(0, 80)}" is no name for a user: it may have up to 64 letters, digits, dots, dashes, underscores and @. Nobody was added; take another name.`;
      throw new LabError('call.invalid', text);
    }
    if (this.find(name)) throw knownUser(name);
  }

  /** Throws hub.user-known, hub.weak-password, call.invalid for a name that is none, call.limit, hub.storage. */
  async add(name: string, role: NamedRole, password: string): Promise<UserView> {
    this.checkName(name);
    checkPassword(name, password);
    const hash = await this.#desk.hash(password);
    const nowMs = this.#nowMs();
    return this.#file.change((file) => {
      if (findByName(file, name)) throw knownUser(name);
      if (file.users.length >= MAX_USERS) {
        throw new LabError('call.limit', `There are ${MAX_USERS} users; more are not kept. Remove those who left.`);
      }
      const user: UserRecord = {
        id: randomUUID(),
        name,
        role,
        password: hash,
        tokenVersion: 0,
        loginVersion: 0,
        mfa: null,
        createdMs: nowMs,
        changedMs: nowMs,
        lastLoginMs: null,
        places: [],
      };
      return [{ ...file, users: [...file.users, user] }, viewUser(user)];
    });
  }

  /** Everything of the user ends at once. Throws hub.user-unknown, hub.last-admin, hub.storage. */
  remove(name: string): Promise<UserView> {
    return this.#file.change((file) => {
      const user = needByName(file, name);
      keepAnAdmin(file, user);
      return [{ ...file, users: file.users.filter(({ id }) => id !== user.id) }, viewUser(user)];
    });
  }

  /** In force at once: access tokens of before are refused, their renewal has the new role. Throws hub.user-unknown, hub.last-admin, hub.storage. */
  setRole(name: string, role: NamedRole): Promise<UserView> {
    return this.#file.change((file) => {
      const user = needByName(file, name);
      if (user.role === role) return [file, viewUser(user)];
      if (role !== 'admin') keepAnAdmin(file, user);
      return withUser(file, { ...user, role, tokenVersion: user.tokenVersion + 1, changedMs: this.#nowMs() });
    });
  }

  /** All logins of the user are over, and locks against guessing are lifted. Throws hub.user-unknown, hub.weak-password, hub.storage. */
  async setPassword(name: string, password: string): Promise<UserView> {
    checkPassword(name, password);
    const { id } = this.#need(name);
    const hash = await this.#desk.hash(password);
    return this.#file.change((file) => {
      const user = needByName(file, name);
      if (user.id !== id) throw unknownUser(name);
      const tokenVersion = user.tokenVersion + 1;
      const loginVersion = user.loginVersion + 1;
      return withUser(file, { ...user, password: hash, tokenVersion, loginVersion, changedMs: this.#nowMs() });
    });
  }

  /** One-time codes of a user; null: none any more (a lost telephone). Throws hub.user-unknown, hub.storage. */
  setMfa(name: string, mfa: UserRecord['mfa']): Promise<UserView> {
    return this.#file.change((file) => {
      const user = needByName(file, name);
      return withUser(file, { ...user, mfa, changedMs: this.#nowMs() });
    });
  }

  /** Changes one user as it is now; undefined from `edit`: nothing is changed. Throws what `edit` throws. */
  edit(id: string, edit: (user: UserRecord) => UserRecord | undefined): Promise<UserRecord | undefined> {
    return this.#file.change<UserRecord | undefined>((file) => {
      const user = file.users.find((known) => known.id === id);
      const next = user && edit(user);
      return next ? [replace(file, next), next] : [file, undefined];
    });
  }

  #need(name: string): UserRecord {
    return needByName(this.#file.value, name);
  }

  #nowMs(): number {
    return Number(this.#clock.nowNs() / 1_000_000n);
  }
}

/** A user without its secrets. */
export function viewUser(user: UserRecord): UserView {
  const { id, name, role, createdMs, changedMs } = user;
  return {
    id,
    name,
    role,
    hasMfa: user.mfa !== null,
    createdMs,
    changedMs,
    lastLoginMs: user.lastLoginMs ?? undefined,
  };
}

/** SHA-256 in hexadecimal: of keys, token ids and backup codes, which are random enough to need no salt. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function findByName(file: UserFile, name: string): UserRecord | undefined {
  const wanted = name.toLowerCase();
  return file.users.find((user) => user.name.toLowerCase() === wanted);
}

function needByName(file: UserFile, name: string): UserRecord {
  const user = findByName(file, name);
  if (!user) throw unknownUser(name);
  return user;
}

function knownUser(name: string): LabError {
  const text = `There is a user ${name} already. Nothing was changed; take another name, or change that user.`;
  return new LabError('hub.user-known', text);
}

function unknownUser(name: string): LabError {
  const text = `There is no user ${name.slice(0, 80)}. Nothing was changed; \`labwire user list\` names those there are.`;
  return new LabError('hub.user-unknown', text);
}

function keepAnAdmin(file: UserFile, user: UserRecord): void {
  if (user.role !== 'admin' || file.users.some(({ id, role }) => role === 'admin' && id !== user.id)) return;
  const text = `${user.name} is the only admin: without one nobody could change users any more. Nothing was changed; make another user admin first.`;
  throw new LabError('hub.last-admin', text);
}

function replace(file: UserFile, next: UserRecord): UserFile {
  return { ...file, users: file.users.map((user) => (user.id === next.id ? next : user)) };
}

function withUser(file: UserFile, next: UserRecord): [UserFile, UserView] {
  return [replace(file, next), viewUser(next)];
}
