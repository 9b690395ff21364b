import { type FormEvent, type ReactElement, useState } from 'react';
import { LabError } from '../../core/errors.ts';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';

/** Puts a lab server on the bench by its address; what it speaks is found out. */
export function AddServer(props: { address?: string | undefined; onAdded: (server: string) => void }): ReactElement {
  const [url, setUrl] = useState(props.address ?? '');
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState<LabError>();
  const [busy, setBusy] = useState(false);
  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const { server } = await call('server.add', { url: url.trim(), ...(token === '' ? {} : { token }) });
      setUrl('');
      setToken('');
      props.onAdded(server);
    } catch (thrown) {
      setProblem(LabError.from(thrown));
    }
    setBusy(false);
  };
  return (
    <>
      <form className="server-add" onSubmit={(event) => void add(event)}>
        <input
          className="input num"
          aria-label="Address of a lab server"
          placeholder="Address of a lab server: host:port or http://…"
          value={url}
          maxLength={2000}
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
