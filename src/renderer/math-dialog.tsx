import { type FormEvent, type ReactElement, useRef, useState } from 'react';
import type { MathChannel } from '../contract/math-schema.ts';
import { LabError } from '../core/errors.ts';
import { Dialog } from './control/dialog.tsx';
import { Problem } from './control/problem.tsx';
import { benchStore, call } from './engine-link.ts';
import { closeDialog } from './screen-store.ts';
import { useStore } from './store.ts';

const EMPTY: MathChannel = { name: '', label: '', expression: '', unit: '' };

/** Channels computed from others: they are drawn, watched, alarmed and recorded like measured ones. */
export function MathDialog(): ReactElement {
  const math = useStore(benchStore, (bench) => bench?.math) ?? [];
  const channels = useStore(benchStore, (bench) => bench?.channels) ?? [];
  const [draft, setDraft] = useState<MathChannel>(EMPTY);
  /** Name of the one that is changed; a new name then is a new name for it, not one more channel. */
  const [edited, setEdited] = useState<string>();
  const [error, setError] = useState<LabError>();
  const expression = useRef<HTMLInputElement>(null);
  const set = async (next: MathChannel[]): Promise<void> => {
    try {
      await call('math.set', { channels: next });
      setDraft(EMPTY);
      setEdited(undefined);
      setError(undefined);
    } catch (thrown) {
      setError(LabError.from(thrown));
    }
  };
  const present = math.map(({ channel }) => channel);
  const save = (event: FormEvent): void => {
    event.preventDefault();
    void set([...present.filter(({ name }) => name !== draft.name && name !== edited), draft]);
  };
  const edit = (channel: MathChannel): void => {
    setDraft(channel);
    setEdited(channel.name);
    setError(undefined);
    expression.current?.focus();
  };
  const box = (key: keyof MathChannel, label: string, placeholder: string): ReactElement => (
    <div className="field">
      <label htmlFor={`math-${key}`}>{label}</label>
      <input
        id={`math-${key}`}
        ref={key === 'expression' ? expression : undefined}
        className={key === 'expression' ? 'input num' : 'input'}
        value={draft[key]}
        placeholder={placeholder}
        onChange={(event) => setDraft((now) => ({ ...now, [key]: event.target.value }))}
      />
    </div>
  );
  /** Where the caret is. */
  const insert = (channel: string): void => {
    const at = expression.current?.selectionStart ?? draft.expression.length;
    const text = `{${channel}}`;
    setDraft((now) => ({ ...now, expression: now.expression.slice(0, at) + text + now.expression.slice(at) }));
    requestAnimationFrame(() => {
      expression.current?.focus();
      expression.current?.setSelectionRange(at + text.length, at + text.length);
    });
  };
  return (
    <Dialog title="Computed channels" wide onClose={closeDialog}>
      <div className="dialog-body">
        {math.map(({ channel, problem }) => (
          <section key={channel.name} className="device-row" data-testid="math-row">
            <div>
              <b>{channel.label || channel.name}</b>
              <small className="quiet num">{channel.expression}</small>
              {problem && <small className="tone-warn">{problem}</small>}
            </div>
            <span className="quiet">{channel.unit}</span>
            <button type="button" className="btn" onClick={() => edit(channel)}>
              Edit
            </button>
            <button
              type="button"
              className="btn"
              onClick={() => void set(present.filter(({ name }) => name !== channel.name))}
            >
              Remove
            </button>
          </section>
        ))}
        <form className="math-form" onSubmit={save}>
          <div className="form-grid">
            {box('name', 'Name', 'power')}
            {box('label', 'Shown as', 'Input power')}
            {box('unit', 'Unit', 'W')}
          </div>
          {box('expression', 'Expression', '{supply/ch1.voltage} * {supply/ch1.current}')}
          <div className="field">
            <label htmlFor="math-insert">Insert a channel</label>
            <select id="math-insert" className="input" value="" onChange={(event) => insert(event.target.value)}>
              <option value="">Pick one</option>
              {channels.map(({ id, label }) => (
                <option key={id} value={id}>
                  {label}
                </option>
              ))}
            </select>
            <span className="hint">
              + − * / ^, d(x)/dt, integral(x), abs, sqrt, exp, ln, log10, sin, cos, tan, min, max, pow, atan2. Channels
              as shown, with their scale.
            </span>
          </div>
          {error && <Problem error={error} />}
          <div className="row-tight">
            <span className="grow" />
            <button type="button" className="btn" onClick={closeDialog}>
              Close
            </button>
            <button type="submit" className="btn primary" disabled={draft.name === '' || draft.expression === ''}>
              {edited !== undefined || present.some(({ name }) => name === draft.name) ? 'Change' : 'Add'}
            </button>
          </div>
        </form>
      </div>
    </Dialog>
  );
}
