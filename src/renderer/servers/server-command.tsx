import { type FormEvent, type ReactElement, useState } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { useAttempt } from './attempt.ts';

/** What is chosen for the server itself: no equipment has that id. */
const ITSELF = '';

/** Commands as text to the server itself, if it takes any, or to one of its equipment; the answer as it came. Nothing where neither takes commands. */
export function ServerCommand({ server }: { server: ServerState }): ReactElement | null {
  const targets = targetsOf(server);
  const [chosen, setChosen] = useState(ITSELF);
  const [text, setText] = useState('');
  const [reply, setReply] = useState('');
  const { busy, problem, attempt } = useAttempt();
  const target = targets.find(({ id }) => id === chosen) ?? targets[0];
  if (!target) return null;
  const send = (event: FormEvent): void => {
    event.preventDefault();
    if (busy || text.trim() === '') return;
    setReply('');
    const equipment = target.id === ITSELF ? {} : { equipment: target.id };
    void attempt(async () => setReply((await call('server.command', { server: server.id, text, ...equipment })).reply));
  };
  return (
    <>
      <h3>Command</h3>
      <form className="server-add" onSubmit={send}>
        {(targets.length > 1 || target.id !== ITSELF) && (
          <select
            className="input"
            aria-label="What the command is for"
            value={target.id}
            onChange={(event) => setChosen(event.target.value)}
          >
            {targets.map(({ id, label }) => (
              <option key={id} value={id}>
                {label}
              </option>
            ))}
          </select>
        )}
        <input
          className="input num"
          aria-label={target.id === ITSELF ? 'Command to the server' : `Command to ${target.label}`}
          placeholder={target.id === ITSELF ? 'help lists what it takes' : 'As its console takes it'}
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

function targetsOf({ features, equipment }: ServerState): { id: string; label: string }[] {
  const itself = features.console === true ? [{ id: ITSELF, label: 'The server itself' }] : [];
  const takers = features.commands === true ? equipment.filter(({ isConnected }) => isConnected) : [];
  return [...itself, ...takers.map(({ id, label }) => ({ id, label }))];
}
