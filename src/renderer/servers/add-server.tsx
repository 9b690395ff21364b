import { type FormEvent, type ReactElement, type Ref, useState } from 'react';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { useAttempt } from './attempt.ts';

/** Puts a lab server on the bench by its address; what it speaks is found out. */
export function AddServer(props: {
  address?: string | undefined;
  addressRef: Ref<HTMLInputElement>;
  onAdded: (server: string) => void;
}): ReactElement {
  const [url, setUrl] = useState(props.address ?? '');
  const [token, setToken] = useState('');
  const { busy, problem, attempt } = useAttempt();
  const add = (event: FormEvent): void => {
    event.preventDefault();
    if (busy || url.trim() === '') return;
    void attempt(async () => {
      const { server } = await call('server.add', { url: url.trim(), ...(token === '' ? {} : { token }) });
      setUrl('');
      setToken('');
      props.onAdded(server);
    });
  };
  return (
    <>
      <form className="server-add" onSubmit={add}>
        <input
          ref={props.addressRef}
          className="input num"
          aria-label="Address of a lab server"
          placeholder="Address: host:port or http://host:port"
          value={url}
          maxLength={2000}
          spellCheck={false}
          onChange={(event) => setUrl(event.target.value)}
        />
        <input
          className="input num"
          type="password"
          aria-label="Access token"
          placeholder="Token, if it wants one"
          autoComplete="off"
          value={token}
          onChange={(event) => setToken(event.target.value)}
        />
        <button type="submit" className="btn primary" disabled={busy || url.trim() === ''}>
          {busy ? 'Asking it…' : 'Add'}
        </button>
      </form>
      {problem && <Problem error={problem} />}
    </>
  );
}
