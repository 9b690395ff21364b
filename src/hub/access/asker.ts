import { createHash } from 'node:crypto';
import type { Asker } from '../../contract/envelope.ts';
import type { Principal } from './principal.ts';
import { hasRight } from './role.ts';

const RIGHTS = ['view', 'control', 'manage'] as const;

/**
 * In whose name the engine is called. `session` is the client's own word (a session of locks, a socket): with the user it makes the client that locks and
 * `idem` belong to, so a session of somebody else, even if its name is known, opens nothing.
 */
export function askerOf({ user, name, role }: Principal, dialect: string, session: string): Asker {
  const client = createHash('sha256').update(`${user}\n${session}`).digest('hex').slice(0, 16);
  return { user: name, client: `${dialect} ${client}`, role, rights: RIGHTS.filter((right) => hasRight(role, right)) };
}
