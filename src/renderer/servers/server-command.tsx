import { type FormEvent, type ReactElement, useState } from 'react';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { useAttempt } from './attempt.ts';

/** What a server does itself: its own words, and its answer as it came. */
export function ServerCommand({ server }: { server: string }): ReactElement {
  const [text, setText] = useState('');
  const [reply, setReply] = useState('');
  const { busy, problem, attempt } = useAttempt();
  const send = (event: FormEvent): void => {
    event.preventDefault();
    if (busy || text.trim() === '') return;
    setReply('');
    void attempt(async () => setReply((await call('server.command', { server, text })).reply));
  };
  return (
    <>
      <form className="server-add" onSubmit={send}>
        <input
          className="input num"
          aria-label="Command to the server"
          placeholder="help lists what it takes"
          value={text}
          maxLength={4000}
          spellCheck={false}
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
