import { type KeyboardEvent, type ReactElement, useEffect, useId, useRef, useState } from 'react';
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
  const listId = useId();
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
      <div className="offers" hidden={offers.length === 0}>
        <div role="listbox" aria-label="Completions" id={listId}>
          {offers.map((offer, index) => (
            <button
              key={offer}
              id={`${listId}${index}`}
              type="button"
              role="option"
              tabIndex={-1}
              aria-selected={index === picked}
              onClick={() => {
                type(offer);
                input.current?.focus();
              }}
            >
              <span className="num">{offer}</span>
              <span className="quiet cut">{helpFor(commands, offer)?.help}</span>
            </button>
          ))}
        </div>
        <p className="quiet">
          <span className="kbd">Tab</span> completes
          {offers.length > 1 && (
            <>
              {', '}
              <span className="kbd">Alt ↑ ↓</span> chooses
            </>
          )}
        </p>
      </div>
      <span className="num" aria-hidden="true">
        ›
      </span>
      <input
        ref={input}
        className="num"
        role="combobox"
        aria-label={`Command to ${instrument.label}`}
        aria-autocomplete="list"
        aria-expanded={offers.length > 0}
        aria-controls={listId}
        aria-activedescendant={offers.length > 0 ? `${listId}${picked}` : undefined}
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
