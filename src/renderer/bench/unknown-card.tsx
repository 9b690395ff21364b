import { type FormEvent, type ReactElement, useState } from 'react';
import { LabError } from '../../core/errors.ts';
import { Problem } from '../control/problem.tsx';
import { Readout } from '../control/readout.tsx';
import { call } from '../engine-link.ts';
import { showDialog } from '../screen-store.ts';
import type { CardProps } from './card-props.ts';

/** An instrument no driver knows: its identity, and one line to ask it. */
export function UnknownCard({ instrument, channels }: CardProps): ReactElement {
  const [text, setText] = useState('*IDN?');
  const [reply, setReply] = useState<string>();
  const [error, setError] = useState<LabError>();
  const [busy, setBusy] = useState(false);
  const ask = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const answer = await call('instrument.query', { instrument: instrument.id, text });
      setReply(answer.reply ?? 'sent');
    } catch (thrown) {
      setError(LabError.from(thrown));
    }
    setBusy(false);
  };
  return (
    <div className="unknown">
      <p className="quiet">
        No driver knows this instrument.{' '}
        {instrument.queries.length === 0
          ? 'It can be asked by hand; nothing is polled.'
          : `${instrument.queries.length} of its queries are polled.`}{' '}
        <button
          type="button"
          className="link"
          onClick={() => showDialog({ kind: 'queries', instrument: instrument.id })}
        >
          Poll queries…
        </button>
      </p>
      {channels.map((channel) => (
        <Readout key={channel.id} channel={channel} className="mid" />
      ))}
      <form className="row-tight" onSubmit={(event) => void ask(event)}>
        <input
          className="input num"
          aria-label="Command"
          value={text}
          maxLength={10_000}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" className="btn" disabled={busy || !text.trim()}>
          Send
        </button>
      </form>
      <output className="num selectable reply">{reply ?? ' '}</output>
      {error && <Problem error={error} />}
    </div>
  );
}
