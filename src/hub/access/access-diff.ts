import type { KeyFile, LoginFile, UserFile } from './access-schema.ts';
import type { AccessChange } from './principal.ts';

/** What a change of the users means for those who are in. */
export function userChanges(now: UserFile, before: UserFile): AccessChange[] {
  const current = new Map(now.users.map((user) => [user.id, user]));
  return before.users.flatMap((old): AccessChange[] => {
    const user = current.get(old.id);
    if (!user) return [{ user: old.id, of: 'user', what: 'ended', reason: `The user ${old.name} was removed.` }];
    const changes: AccessChange[] = [];
    if (user.role !== old.role) {
      const reason = `The role of ${user.name} is ${user.role} now; it was ${old.role}.`;
      changes.push({ user: user.id, of: 'user', what: 'role', reason });
    }
    if (user.loginVersion !== old.loginVersion) {
      const reason = `The password of ${user.name} was changed, which ends every login of that user.`;
      changes.push({ user: user.id, of: 'logins', what: 'ended', reason });
    }
    return changes;
  });
}

export function keyChanges(now: KeyFile, before: KeyFile): AccessChange[] {
  const current = new Set(now.keys.map(({ id }) => id));
  return before.keys
    .filter(({ id }) => !current.has(id))
    .map(({ id, user, label }) => ({
      user,
      of: 'key',
      id,
      what: 'ended',
      reason: `The API key ${label || id} was removed.`,
    }));
}

export function loginChanges(now: LoginFile, before: LoginFile): AccessChange[] {
  const current = new Set(now.logins.map(({ id }) => id));
  return before.logins
    .filter(({ id }) => !current.has(id))
    .map(({ id, user }) => ({ user, of: 'login', id, what: 'ended', reason: 'The login ended.' }));
}
