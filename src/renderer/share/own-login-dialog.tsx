import { type FormEvent, type ReactElement, useState } from 'react';
import { Dialog } from '../control/dialog.tsx';
import { Problem } from '../control/problem.tsx';
import { forgetLogin, readLogin, showLogin } from '../remote-login.ts';
import { closeDialog } from '../screen-store.ts';
import { useAttempt } from '../servers/attempt.ts';
import { OwnCodes } from './own-codes.tsx';
import { changePassword } from './own-login.ts';
import { PasswordBox } from './password-box.tsx';

/** What a person changes about the own login at a hub: password, one-time codes. */
export function OwnLoginDialog(): ReactElement {
  const login = readLogin();
  return (
    <Dialog title="Your login" onClose={closeDialog}>
      <div className="dialog-body own-login">
        <p className="quiet">
          <b>{login?.user}</b> ({login?.role}) at {location.host}. Another role is given by whoever runs the bench.
        </p>
        <OwnCodes />
        <section aria-label="Password">
          <h3>Password</h3>
          <OwnPassword />
        </section>
      </div>
    </Dialog>
  );
}

function OwnPassword(): ReactElement {
  const [old, setOld] = useState('');
  const [next, setNext] = useState('');
  const { busy, problem, attempt } = useAttempt();
  const change = (event: FormEvent): void => {
    event.preventDefault();
    if (busy || old === '' || next === '') return;
    void attempt(async () => {
      await changePassword(old, next);
      forgetLogin();
      showLogin();
    });
  };
  return (
    <>
      <form className="server-add" aria-label="Change the password" onSubmit={change}>
        <input
          className="input"
          type="password"
          aria-label="Password of now"
          placeholder="Password of now"
          autoComplete="current-password"
          maxLength={1000}
          value={old}
          onChange={(event) => setOld(event.target.value)}
        />
        <PasswordBox label="New password" value={next} onValue={setNext} />
        <button type="submit" className="btn" disabled={busy || old === '' || next === ''}>
          {busy ? 'Changing…' : 'Change'}
        </button>
      </form>
      <p className="quiet share-hint">All your logins end with it, this one too; log in with the new one.</p>
      {problem && <Problem error={problem} />}
    </>
  );
}
