import { type KeyboardEvent, type ReactElement, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { LabError } from '../../core/errors.ts';
import { showError, toast } from '../actions.ts';
import { identityText } from '../bench/instrument-words.ts';
import { call } from '../engine-link.ts';
import { useStore } from '../store.ts';
import { formatClock } from '../text-format.ts';
import { addToHistory, completions } from './command-history.ts';
import { addLine, type ConsoleLine, clearLines, consoleStore, finishLine, logOf } from './console-lines.ts';

/** Commands to one instrument and its replies; history with the arrow keys, completion with Tab. */
export function ConsoleSession({ instrument }: { instrument: InstrumentState }): ReactElement {
  const log = useStore(consoleStore, (logs) => logOf(logs, instrument.id));
  const list = useRef<HTMLOListElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls after each new line
  useLayoutEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [log.lines]);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(log.lines.map((line) => line.text).join('\n'));
    toast({ severity: 'done', text: 'The commands of this session are copied.' });
  };
  return (
    <div className="console">
      <div className="console-head quiet">
        <span className="cut selectable">
          {identityText(instrument)} · <span className="num">{instrument.resource}</span>
        </span>
        <span className="grow" />
        <button
          type="button"
          className="btn small"
          disabled={log.lines.length === 0}
          onClick={() => void copy().catch(showError)}
        >
          Copy commands
        </button>
        <button
          type="button"
          className="btn small"
          disabled={log.lines.length === 0}
          onClick={() => clearLines(instrument.id)}
        >
          Clear
        </button>
      </div>
      <ol ref={list} className="console-lines num selectable" aria-label="Session" aria-live="polite">
        {log.lines.length === 0 && (
          <li className="console-hint">
            Type a command and press Enter. <b>*IDN?</b> asks who it is; what holds a “?” reads the reply. ↑ and ↓ bring
            back what was typed, Tab completes.
          </li>
        )}
        {log.lines.map((line) => (
          <Line key={line.id} line={line} />
        ))}
      </ol>
      <Prompt instrument={instrument} history={log.history} />
    </div>
  );
}

function Line({ line }: { line: ConsoleLine }): ReactElement {
  return (
    <li data-testid="console-line">
      <time className="quiet">{formatClock(line.at)}</time>
      <span className="said">
        <span className="asked">{line.text}</span>
        {typeof line.reply === 'string' && <span className="reply">{line.reply}</span>}
        {line.reply === null && <span className="quiet">sent</span>}
        {line.reply === undefined && !line.error && <span className="quiet">…</span>}
        {line.error && (
          <span className="tone-bad">
            {line.error.message} <code className="quiet">{line.error.code}</code>
          </span>
        )}
      </span>
      <span className="quiet ms">{line.roundTripMs === undefined ? '' : `${line.roundTripMs.toFixed(1)} ms`}</span>
    </li>
  );
}

function Prompt({ instrument, history }: { instrument: InstrumentState; history: readonly string[] }): ReactElement {
  const [text, setText] = useState('');
  const [at, setAt] = useState<number>();
  const [picked, setPicked] = useState(0);
  const input = useRef<HTMLInputElement>(null);
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
    const id = addLine(instrument.id, command, addToHistory(history, command));
    type('');
    try {
      const answer = await call('instrument.query', { instrument: instrument.id, text: command });
      finishLine(instrument.id, id, { reply: answer.reply, roundTripMs: answer.roundTripMs });
    } catch (thrown) {
      const { code, message } = LabError.from(thrown);
      finishLine(instrument.id, id, { error: { code, message } });
    }
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
    </div>
  );
}
