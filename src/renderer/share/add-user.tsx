import { type FormEvent, type ReactElement, type RefObject, useState } from 'react';
import { userName } from '../../contract/share-schema.ts';
import { LabError } from '../../core/errors.ts';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { useAttempt } from '../servers/attempt.ts';
import { PasswordBox } from './password-box.tsx';
import { RoleChoice } from './role-choice.tsx';
import { type NamedRole, ROLE_HINTS } from './share-words.ts';

/** A new user: name, role, password. */
export function AddUser(props: {
  nameRef: RefObject<HTMLInputElement | null>;
  /** Nobody can log in yet. */
  isFirst: boolean;
  onAdded: () => Promise<void>;
}): ReactElement {
  const { nameRef, isFirst, onAdded } = props;
  const [user, setUser] = useState('');
  const [role, setRole] = useState<NamedRole>('viewer');
  const [password, setPassword] = useState('');
  const { busy, problem, attempt } = useAttempt();
  const add = (event: FormEvent): void => {
    event.preventDefault();
    if (busy || user.trim() === '' || password === '') return;
    void attempt(async () => {
      if (!userName.safeParse(user.trim()).success) {
        throw new LabError(
          'call.invalid',
          'A user is 1 to 64 letters, digits, dots, dashes, _ and @. Nobody was added; type another name.',
        );
      }
      await call('share.addUser', { user: user.trim(), role, password });
      // What was typed for the next one meanwhile stays.
      setUser((now) => (now === user ? '' : now));
      setPassword((now) => (now === password ? '' : now));
      nameRef.current?.focus();
      await onAdded();
    });
  };
  return (
    <>
      {isFirst && (
        <Problem
          error={{
            code: '',
            message: 'Nobody can log in yet. Add who may come in; an admin may also manage the bench from elsewhere.',
          }}
          tone="info"
        />
      )}
      <form className="server-add" aria-label="Add a user" onSubmit={add}>
        <input
          ref={nameRef}
          className="input"
          aria-label="Name of the user"
          placeholder="Name"
          autoComplete="off"
          maxLength={64}
          value={user}
          onChange={(event) => setUser(event.target.value)}
        />
        <RoleChoice label="Role of the new user" value={role} onValue={setRole} />
        <PasswordBox label="Password" value={password} onValue={setPassword} />
        <button type="submit" className="btn" disabled={busy || user.trim() === '' || password === ''}>
          {busy ? 'Adding…' : 'Add'}
        </button>
      </form>
      <p className="quiet share-hint">{ROLE_HINTS[role]}</p>
      {problem && <Problem error={problem} />}
    </>
  );
}
