import { type ReactElement, useLayoutEffect, useRef, useState } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { showError, toast } from '../actions.ts';
import { identityText } from '../bench/instrument-words.ts';
import { Allowed } from '../control/allowed.tsx';
import { MenuItem, Popover } from '../control/popover.tsx';
import { useStore } from '../store.ts';
import { ConsoleLineView } from './console-line.tsx';
import { type ConsoleLog, clearLines, consoleStore, logOf } from './console-lines.ts';
import { ConsolePrompt } from './console-prompt.tsx';
import { type ScriptLanguage, scriptOf } from './script-text.ts';
import { SendFileButton } from './send-file-button.tsx';

/** Commands to one instrument and its replies; history with the arrow keys, completion with Tab. */
export function ConsoleSession({ instrument }: { instrument: InstrumentState }): ReactElement {
  const log = useStore(consoleStore, (logs) => logOf(logs, instrument.id));
  const list = useRef<HTMLOListElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls after each new line
  useLayoutEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [log.lines]);
  const [isHex, setIsHex] = useState(false);
  const copy = async (what: 'commands' | ScriptLanguage): Promise<void> => {
    const text =
      what === 'commands'
        ? log.lines.map((line) => line.text).join('\n')
        : scriptOf(what, instrument.resource, stepsOf(log));
    await navigator.clipboard.writeText(text);
    toast({ severity: 'done', text: `${WORDS[what]} of this session copied.` });
  };
  return (
    <div className="console">
      <div className="console-head quiet">
        <span className="cut selectable">
          {identityText(instrument)} · <span className="num">{instrument.resource}</span>
        </span>
        <span className="grow" />
        <button type="button" className="btn small" aria-pressed={isHex} onClick={() => setIsHex(!isHex)}>
          Hex
        </button>
        <Allowed right="control">
          <SendFileButton instrument={instrument.id} />
        </Allowed>
        <Popover menu align="end" className="btn small" button="Copy as…" disabled={log.lines.length === 0}>
          {(close) =>
            (['commands', 'python', 'typescript'] as const).map((what) => (
              <MenuItem
                key={what}
                onPick={() => {
                  close();
                  void copy(what).catch(showError);
                }}
              >
                {WORDS[what]}
              </MenuItem>
            ))
          }
        </Popover>
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
          <ConsoleLineView key={line.id} line={line} isHex={isHex} />
        ))}
      </ol>
      <Allowed right="control">
        <ConsolePrompt instrument={instrument} history={log.history} />
      </Allowed>
    </div>
  );
}

const WORDS = { commands: 'Commands', python: 'Python script (PyVISA)', typescript: 'TypeScript script' } as const;

/** What was taken or answered, with the pauses the person made. */
function stepsOf({ lines }: ConsoleLog): { text: string; pauseMs: number }[] {
  const done = lines.filter((line) => line.error === undefined);
  return done.map((line, index) => ({ text: line.text, pauseMs: line.at - (done[index - 1]?.at ?? line.at) }));
}
