import { type KeyboardEvent, type ReactElement, useEffect, useRef, useState } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { helpFor, useCommandHelp } from './command-help.ts';
import { completions } from './command-history.ts';
import { RepeatButton } from './repeat-button.tsx';
import { sendCommand } from './send-command.ts';

/** The line one types into: history with ↑ ↓, completion with Tab, the help of the header below it, repeating. */
export function ConsolePrompt(props: { instrument: InstrumentState; history: readonly string[] }): ReactElement {
  const { instrument, history } = props;
  const commands = useCommandHelp(instrument.id);
  const [text, setText] = useState('');
  const [at, setAt] = useState<number>();
  const [picked, setPicked] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const help = helpFor(commands, text);
  const offers = at === undefined ? completions(instrument.commands, text) : [];
  useEffect(() => input.current?.focus(), []);

  const type = (next: string): void => {
    setText(next);
    setAt(undefined);
    setPicked(0);
  };
  const send = async (): Promise<void> => {
    const command = text.trim();
    if (!command) return;
    type('');
    await sendCommand(instrument.id, command);
  };
  const recall = (step: -1 | 1): void => {
    const next = (at ?? history.length) + step;
    if (next < 0) return;
    setAt(next >= history.length ? undefined : next);
    setText(history[next] ?? '');
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === 'Enter') void send();
    else if (event.key === 'Tab' && offers.length > 0 && !event.shiftKey) type(offers[picked] ?? text);
    else if (event.key === 'ArrowUp' && event.altKey) setPicked((now) => Math.max(0, now - 1));
    else if (event.key === 'ArrowDown' && event.altKey) setPicked((now) => Math.min(offers.length - 1, now + 1));
    else if (event.key === 'ArrowUp') recall(-1);
    else if (event.key === 'ArrowDown') recall(1);
    else if (event.key === 'Escape' && text) type('');
    else return;
    event.preventDefault();
  };
  return (
    <div className="prompt">
      <ul className="offers num" hidden={offers.length === 0} aria-label="Completions">
        {offers.map((offer, index) => (
          <li key={offer}>
            <button
              type="button"
              tabIndex={-1}
              data-picked={index === picked}
              onClick={() => {
                type(offer);
                input.current?.focus();
              }}
            >
              {offer}
            </button>
          </li>
        ))}
      </ul>
      <span className="num" aria-hidden="true">
        ›
      </span>
      <input
        ref={input}
        className="num"
        aria-label={`Command to ${instrument.label}`}
        placeholder="*IDN?"
        autoComplete="off"
        spellCheck={false}
        maxLength={10_000}
        value={text}
        onChange={(event) => type(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <button type="button" className="btn primary" disabled={!text.trim()} onClick={() => void send()}>
        {text.includes('?') ? 'Query' : 'Send'}
      </button>
      <RepeatButton instrument={instrument.id} command={text.trim()} />
      {help && offers.length === 0 && (
        <p className="prompt-help quiet" role="status">
          <b className="num">{help.header}</b> {help.parameters && <span className="num">{help.parameters}</span>}{' '}
          {help.help}
        </p>
      )}
    </div>
  );
}
