import { type FormEvent, type ReactElement, type RefObject, useEffect, useState } from 'react';
import type { CallOutput } from '../../contract/calls.ts';
import type { AttachOptions, LineSettings, Termination } from '../../contract/discovery-schema.ts';
import { showError } from '../actions.ts';
import { call } from '../engine-link.ts';
import { attachOptionsOf, EMPTY_DRAFT, type OptionsDraft } from './options-draft.ts';

const BAUDS = [1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600, 2_000_000];
const TERMINATIONS: readonly { value: Termination; word: string }[] = [
  { value: 'lf', word: 'LF' },
  { value: 'crlf', word: 'CR LF' },
  { value: 'cr', word: 'CR' },
  { value: 'none', word: 'none' },
];

type Families = CallOutput<'driver.list'>;

/** Families, asked for once per opening of the form. */
function useFamilies(): Families {
  const [families, setFamilies] = useState<Families>({ families: [], problems: [] });
  useEffect(() => {
    call('driver.list', {}).then(setFamilies).catch(showError);
  }, []);
  return families;
}

/** How to speak to a device whose address does not say: what it is, and the settings of its line. */
export function OptionsForm(props: {
  isSerial: boolean;
  isBusy: boolean;
  /** For who submits it from outside: Enter in the address box. */
  form?: RefObject<HTMLFormElement | null>;
  onAttach: (options: AttachOptions) => void;
}): ReactElement {
  const { families, problems } = useFamilies();
  const [draft, setDraft] = useState<OptionsDraft>(EMPTY_DRAFT);
  const change = (piece: Partial<OptionsDraft>): void => setDraft((now) => ({ ...now, ...piece }));
  const result = attachOptionsOf(draft);
  const line = families.find(({ id }) => id === draft.as)?.line;
  return (
    <form
      ref={props.form}
      className="attach-options"
      data-testid="attach-options"
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        if (result.ok) props.onAttach(result.options);
      }}
    >
      <label>
        <span>It is</span>
        <select className="input" value={draft.as} onChange={(event) => change({ as: event.target.value })}>
          <option value="">what *IDN? says</option>
          {families.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {props.isSerial && <LineFields draft={draft} line={line} change={change} />}
      <TerminationField
        label="Ends what it gets"
        value={draft.writeTermination}
        onPick={(writeTermination) => change({ writeTermination })}
      />
      <TerminationField
        label="Ends what it says"
        value={draft.readTermination}
        onPick={(readTermination) => change({ readTermination })}
      />
      {problems.map(({ file, message }) => (
        <p key={file} className="tone-warn">
          {file}: {message}
        </p>
      ))}
      {!result.ok && <p className="tone-bad">{result.reason}</p>}
      <button type="submit" className="btn primary" disabled={props.isBusy || !result.ok}>
        {props.isBusy ? 'Asking…' : 'Attach'}
      </button>
    </form>
  );
}

function LineFields(props: {
  draft: OptionsDraft;
  line: LineSettings | undefined;
  change: (piece: Partial<OptionsDraft>) => void;
}): ReactElement {
  const { draft, line, change } = props;
  return (
    <>
      <label>
        <span>Baud rate</span>
        <input
          className="input num"
          list="baud-rates"
          inputMode="numeric"
          placeholder={String(line?.baudRate ?? 9600)}
          value={draft.baudRate}
          maxLength={8}
          onChange={(event) => change({ baudRate: event.target.value })}
        />
        <datalist id="baud-rates">
          {BAUDS.map((baud) => (
            <option key={baud} value={baud} />
          ))}
        </datalist>
      </label>
      <label>
        <span>Frame</span>
        <select className="input num" value={draft.frame} onChange={(event) => change({ frame: event.target.value })}>
          <option value="">its family’s, else 8N1</option>
          {['8N1', '8N2', '8E1', '8O1', '7E1', '7E2', '7O1', '7N2'].map((frame) => (
            <option key={frame}>{frame}</option>
          ))}
        </select>
      </label>
      <label>
        <span>Flow control</span>
        <select className="input" value={draft.flow} onChange={(event) => change({ flow: event.target.value })}>
          <option value="">its family’s, else none</option>
          <option value="none">none</option>
          <option value="rtscts">RTS/CTS</option>
          <option value="dsrdtr">DSR/DTR</option>
          <option value="xonxoff">XON/XOFF (breaks binary data)</option>
        </select>
      </label>
    </>
  );
}

function TerminationField(props: { label: string; value: string; onPick: (value: string) => void }): ReactElement {
  return (
    <label>
      <span>{props.label}</span>
      <select className="input" value={props.value} onChange={(event) => props.onPick(event.target.value)}>
        <option value="">its family’s, else LF</option>
        {TERMINATIONS.map(({ value, word }) => (
          <option key={value} value={value}>
            {word}
          </option>
        ))}
      </select>
    </label>
  );
}
