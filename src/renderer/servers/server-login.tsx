import { type FormEvent, type ReactElement, useEffect, useRef, useState } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { act } from '../actions.ts';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { useAttempt } from './attempt.ts';

const KEPT: Record<ServerState['login']['kept'], string> = {
  keychain: 'What renews it is kept in the keychain of the system; the password in memory, until Labwire closes.',
  memory: 'It stays in memory until Labwire closes, to log in again when the server restarts.',
};

/** Who we are at a server. */
export function ServerLogin({ server }: { server: ServerState }): ReactElement {
  const { user, state, kept } = server.login;
  if (state === 'in') {
    return (
      <p className="server-line">
        Logged in{user ? ` as ${user}` : ''}. <span className="quiet">{KEPT[kept]}</span>
        <button type="button" className="btn small" onClick={() => void act('server.logout', { server: server.id })}>
          Log out
        </button>
      </p>
    );
  }
  return <LoginForm server={server} />;
}

function LoginForm({ server }: { server: ServerState }): ReactElement {
  const [user, setUser] = useState(server.login.user);
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const { busy, problem, attempt } = useAttempt();
  const wantsCode = server.login.state === 'mfa' || problem?.code === 'server.mfa-required';
  const codeBox = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (wantsCode) codeBox.current?.focus();
  }, [wantsCode]);
  const login = (event: FormEvent): void => {
    event.preventDefault();
    if (busy || user.trim() === '' || password === '') return;
    void attempt(async () => {
      await call('server.login', {
        server: server.id,
        user: user.trim(),
        password,
        ...(code === '' ? {} : { mfaToken: code.trim() }),
      });
    });
  };
  return (
    <>
      <form className="server-add" onSubmit={login}>
        <input
          className="input"
          aria-label="User"
          placeholder="User"
          autoComplete="username"
          value={user}
          onChange={(event) => setUser(event.target.value)}
        />
        <input
          className="input"
          type="password"
          aria-label="Password"
          placeholder="Password"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        {wantsCode && (
          <input
            ref={codeBox}
            className="input num"
            aria-label="One-time code"
            placeholder="One-time code"
            inputMode="numeric"
            autoComplete="one-time-code"
            value={code}
            onChange={(event) => setCode(event.target.value)}
          />
        )}
        <button type="submit" className="btn" disabled={busy || user.trim() === '' || password === ''}>
          {busy ? 'Logging in…' : 'Log in'}
        </button>
      </form>
      {problem && <Problem error={problem} tone={problem.code === 'server.mfa-required' ? 'info' : 'bad'} />}
    </>
  );
}
