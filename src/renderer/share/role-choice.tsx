import type { ReactElement } from 'react';
import { NAMED_ROLES, type NamedRole, ROLE_HINTS } from './share-words.ts';

/** One of the roles a user can have. */
export function RoleChoice(props: { label: string; value: string; onValue: (role: NamedRole) => void }): ReactElement {
  const { label, value, onValue } = props;
  return (
    <select
      className="input share-role"
      aria-label={label}
      value={value}
      onChange={(event) => onValue(event.target.value as NamedRole)}
    >
      {NAMED_ROLES.map((role) => (
        <option key={role} value={role} title={ROLE_HINTS[role]}>
          {role}
        </option>
      ))}
    </select>
  );
}
