import type { ShareConnection } from '../../contract/share-schema.ts';

/** People with a screen of their own on this bench, each once, by name. `own`: the user of this screen, if it is one of them. */
export function otherPeople(
  connections: readonly ShareConnection[],
  own: string | undefined,
): Pick<ShareConnection, 'user' | 'role'>[] {
  const people = new Map<string, Pick<ShareConnection, 'user' | 'role'>>();
  for (const { dialect, user, role } of connections) {
    if (dialect === 'screen' && user !== own) people.set(user, { user, role });
  }
  return [...people.values()].sort((a, b) => a.user.localeCompare(b.user));
}
