import { type FormEvent, type ReactElement, useState } from 'react';
import { LabError } from '../../core/errors.ts';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';

/** What a server does itself: its own words, and its answer as it came. */
export function ServerCommand({ server }: { server: string }): ReactElement {
  const [text, setText] = useState('');
  const [reply, setReply] = useState('');
  const [problem, setProblem] = useState<LabError>();
  const [busy, setBusy] = useState(false);
  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      setReply((await call('server.command', { server, text })).reply);
    } catch (thrown) {
      setReply('');
      setProblem(LabError.from(thrown));
    }
    setBusy(false);
  };
  return (
    <>
      <form className="server-add" onSubmit={(event) => void send(event)}>
        <input
          className="input num"
          aria-label="Command to the server"
          placeholder="help lists what it takes: discover, connect {…}"
          value={text}
          maxLength={4000}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" className="btn" disabled={busy || text.trim() === ''}>
          {busy ? 'Waiting…' : 'Send'}
        </button>
      </form>
      {reply && <pre className="server-reply num selectable">{reply}</pre>}
      {problem && <Problem error={problem} />}
    </>
  );
}
