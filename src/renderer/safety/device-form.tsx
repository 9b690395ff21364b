import { type FormEvent, type ReactElement, useEffect, useRef, useState } from 'react';
import type { ProtectedDevice } from '../../contract/safety-schema.ts';
import { LabError } from '../../core/errors.ts';
import { fullTitleOf, inCardOrder } from '../bench/instrument-words.ts';
import { Problem } from '../control/problem.tsx';
import { benchStore, call } from '../engine-link.ts';
import { useStore } from '../store.ts';
import { type DeviceDraft, type DeviceProblems, deviceOfDraft, draftOfDevice, LIMITS } from './device-draft.ts';

const NONE: DeviceProblems = {};

/** One device under test: its name, the outputs that feed it, what it stands. */
export function DeviceForm(props: { device: ProtectedDevice | undefined; onDone: () => void }): ReactElement {
  const [draft, setDraft] = useState<DeviceDraft>(() => draftOfDevice(props.device, crypto.randomUUID()));
  const [problems, setProblems] = useState<DeviceProblems>(NONE);
  const [error, setError] = useState<LabError>();
  const form = useRef<HTMLFormElement>(null);
  // What is wrong may be out of sight from the button.
  useEffect(() => {
    if (problems !== NONE) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [problems]);
  const change = (piece: Partial<DeviceDraft>): void => {
    setDraft((now) => ({ ...now, ...piece }));
    setProblems(NONE);
  };
  const save = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const read = deviceOfDraft(draft);
    if (!read.ok) {
      setProblems(read.problems);
      return;
    }
    try {
      await call('safety.set', { device: read.device });
      props.onDone();
    } catch (thrown) {
      setError(LabError.from(thrown));
    }
  };
  return (
    <form ref={form} className="device-form" data-testid="device-form" onSubmit={(event) => void save(event)}>
      <div className="field">
        <label htmlFor="device-label">Device under test</label>
        <input
          id="device-label"
          className="input"
          placeholder="Buck converter, board 7"
          value={draft.label}
          maxLength={200}
          aria-invalid={problems.label !== undefined}
          onChange={(event) => change({ label: event.target.value })}
        />
        {problems.label && <span className="wrong">{problems.label}</span>}
      </div>
      <OutputPicks draft={draft} problem={problems.outputs} change={change} />
      <div className="form-grid">
        {LIMITS.map(({ key, label, unit }) => (
          <div className="field" key={key}>
            <label htmlFor={`device-${key}`}>
              {label} ({unit})
            </label>
            <input
              id={`device-${key}`}
              className="input num"
              placeholder="not limited"
              value={draft.limits[key]}
              maxLength={40}
              aria-invalid={problems[key] !== undefined}
              onChange={(event) => change({ limits: { ...draft.limits, [key]: event.target.value } })}
            />
            {problems[key] && <span className="wrong">{problems[key]}</span>}
          </div>
        ))}
      </div>
      <label className="check">
        <input
          type="checkbox"
          checked={draft.needsArming}
          onChange={(event) => change({ needsArming: event.target.checked })}
        />
        Its outputs can be switched on only while it is armed
      </label>
      {error && <Problem error={error} />}
      <div className="row">
        <button type="button" className="btn" onClick={props.onDone}>
          Cancel
        </button>
        <button type="submit" className="btn primary">
          {props.device ? 'Save limits' : 'Protect it'}
        </button>
      </div>
    </form>
  );
}

function OutputPicks(props: {
  draft: DeviceDraft;
  problem: string | undefined;
  change: (piece: Partial<DeviceDraft>) => void;
}): ReactElement {
  const { draft, change } = props;
  const instruments = inCardOrder(useStore(benchStore, (bench) => bench?.instruments) ?? []);
  const offered = instruments.flatMap((instrument) =>
    [...new Set(instrument.controls.flatMap(({ isOutput, group }) => (isOutput ? [group] : [])))].map((group) => ({
      instrument: instrument.id,
      group,
      text: `${fullTitleOf(instrument)} ${group.toUpperCase()}`.trim(),
    })),
  );
  // Outputs of instruments that are not attached now stay part of the device.
  const absent = draft.outputs.filter((one) => !offered.some((other) => isSame(one, other)));
  const all = [...offered, ...absent.map((one) => ({ ...one, text: `${one.instrument} ${one.group} (not attached)` }))];
  return (
    <fieldset className="fieldset" tabIndex={-1} aria-invalid={props.problem !== undefined}>
      <legend>Outputs that feed it, and loads on it</legend>
      <div className="checks">
        {all.map(({ instrument, group, text }) => (
          <label key={`${instrument} ${group}`} className="check">
            <input
              type="checkbox"
              checked={draft.outputs.some((one) => isSame(one, { instrument, group }))}
              onChange={(event) =>
                change({
                  outputs: event.target.checked
                    ? [...draft.outputs, { instrument, group }]
                    : draft.outputs.filter((one) => !isSame(one, { instrument, group })),
                })
              }
            />
            {text}
          </label>
        ))}
        {all.length === 0 && <span className="quiet">Attach a supply or a load first.</span>}
      </div>
      {props.problem && <span className="wrong">{props.problem}</span>}
    </fieldset>
  );
}

function isSame(one: { instrument: string; group: string }, other: { instrument: string; group: string }): boolean {
  return one.instrument === other.instrument && one.group === other.group;
}
