import { type FormEvent, type ReactElement, useState } from 'react';
import type { ShareUser } from '../../contract/share-schema.ts';
import { toast } from '../actions.ts';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { useAttempt } from '../servers/attempt.ts';
import { SureButton } from '../servers/sure-button.tsx';
import { formatDate, msOf } from '../text-format.ts';
import { PasswordBox } from './password-box.tsx';
import { RoleChoice } from './role-choice.tsx';

/** One user: role, last login, and what can be changed. */
export function UserRow(props: {
  user: ShareUser;
  onChanged: () => Promise<void>;
  onRemoved: () => void;
}): ReactElement {
  const { onChanged, onRemoved } = props;
  const { user, role, seenNs, hasCodes } = props.user;
  const [isOpen, setIsOpen] = useState(false);
  const { problem, attempt } = useAttempt();
  const remove = (): void =>
    void attempt(async () => {
      await call('share.removeUser', { user });
      onRemoved();
      await onChanged();
    });
  const endCodes = (): void =>
    void attempt(async () => {
      await call('share.endCodes', { user });
      toast({ severity: 'done', text: `${user} logs in with the password alone now.` });
      await onChanged();
    });
  return (
    <>
      <tr>
        <td className="cut" title={user}>
          {user}
        </td>
        <td>
          <RoleChoice
            label={`Role of ${user}`}
            value={role}
            onValue={(next) =>
              void attempt(async () => {
                await call('share.setRole', { user, role: next });
                await onChanged();
              })
            }
          />
        </td>
        <td className="num quiet">{seenNs === null ? 'never' : formatDate(msOf(seenNs))}</td>
        <td className="actions">
          <button
            type="button"
            className="btn small"
            aria-expanded={isOpen}
            aria-label={`Password of ${user}…`}
            onClick={() => setIsOpen(!isOpen)}
          >
            Password…
          </button>{' '}
          {hasCodes && (
            <>
              <SureButton
                small
                label="Codes off…"
                about={user}
                sure="Password alone"
                title={`${user} lost the telephone: the login asks for no one-time code any more, until ${user} sets up new ones`}
                onSure={endCodes}
              />{' '}
            </>
          )}
          <SureButton
            small
            label="Remove…"
            about={user}
            sure={`Remove ${user.length > 20 ? 'it' : user}`}
            title={`Takes ${user} off the list, with tokens and connections`}
            onSure={remove}
          />
        </td>
      </tr>
      {(problem || isOpen) && (
        <tr className="share-under">
          <td colSpan={4}>
            {problem && <Problem error={problem} />}
            {isOpen && <NewPassword user={user} onDone={() => setIsOpen(false)} />}
          </td>
        </tr>
      )}
    </>
  );
}

function NewPassword({ user, onDone }: { user: string; onDone: () => void }): ReactElement {
  const [password, setPassword] = useState('');
  const { busy, problem, attempt } = useAttempt();
  const save = (event: FormEvent): void => {
    event.preventDefault();
    if (busy || password === '') return;
    void attempt(async () => {
      await call('share.setPassword', { user, password });
      toast({ severity: 'done', text: `${user} has a new password; logins with the old one are over.` });
      onDone();
    });
  };
  return (
    <>
      <form className="server-add" onSubmit={save}>
        <PasswordBox label={`New password of ${user}`} value={password} isFocused onValue={setPassword} />
        <button type="submit" className="btn" disabled={busy || password === ''}>
          {busy ? 'Setting…' : 'Set'}
        </button>
        <button type="button" className="btn" onClick={onDone}>
          Cancel
        </button>
      </form>
      {problem && <Problem error={problem} />}
    </>
  );
}
