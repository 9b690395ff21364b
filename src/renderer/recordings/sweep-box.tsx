import { type FormEvent, type ReactElement, useState } from 'react';
import type { BenchState } from '../../contract/bench-schema.ts';
import { parseQuantity } from '../../core/units-parse.ts';
import { act } from '../actions.ts';
import { readSweepValues } from './sweep-values.ts';

/** Setpoints one after another: `0 … 5 in 11 steps`, or a list. Each goes through the safety limits. */
export function SweepBox({ bench }: { bench: BenchState }): ReactElement {
  const controls = bench.instruments.flatMap((instrument) =>
    instrument.controls
      .filter(({ kind }) => kind === 'number')
      .map((control) => ({
        instrument: instrument.id,
        control: control.id,
        label: [instrument.label, control.group, control.label].filter(Boolean).join(' '),
        unit: control.unit ?? '',
      })),
  );
  const [picked, setPicked] = useState('');
  const [values, setValues] = useState('');
  const [dwell, setDwell] = useState('1');
  const [problem, setProblem] = useState('');
  const target = controls.find(({ instrument, control }) => `${instrument} ${control}` === picked);
  const start = (event: FormEvent): void => {
    event.preventDefault();
    if (!target) {
      setProblem('Pick what is to be set.');
      return;
    }
    const read = readSweepValues(values, target.unit);
    const dwellS = parseQuantity(dwell, 's');
    if (!read.ok) setProblem(read.reason);
    else if (!dwellS.ok || dwellS.value < 0.01) setProblem('A step takes 0.01 s at least.');
    else {
      setProblem('');
      const { instrument, control, label } = target;
      const sweep = {
        id: `${instrument} ${control}`.slice(0, 300),
        name: label.slice(0, 200),
        instrument,
        control,
        values: read.values,
        dwellS: dwellS.value,
      };
      void act('sweep.start', { sweep });
    }
  };
  return (
    <fieldset className="fieldset">
      <legend>Sweep</legend>
      <form className="form-grid" onSubmit={start}>
        <div className="field">
          <label htmlFor="sweep-control">Setpoint</label>
          <select
            id="sweep-control"
            className="input"
            value={picked}
            onChange={(event) => setPicked(event.target.value)}
          >
            <option value="">Pick one</option>
            {controls.map(({ instrument, control, label }) => (
              <option key={`${instrument} ${control}`} value={`${instrument} ${control}`}>
                {label}
              </option>
            ))}
          </select>
        </div>
        <div className="field">
          <label htmlFor="sweep-values">Values</label>
          <input
            id="sweep-values"
            className="input num"
            value={values}
            placeholder="0 … 5 in 11, or 1 2 5 10"
            onChange={(event) => setValues(event.target.value)}
          />
        </div>
        <div className="field">
          <label htmlFor="sweep-dwell">Each for (s)</label>
          <input
            id="sweep-dwell"
            className="input num"
            value={dwell}
            onChange={(event) => setDwell(event.target.value)}
          />
        </div>
        <div className="field">
          <span className="label">&nbsp;</span>
          <button type="submit" className="btn">
            Start sweep
          </button>
        </div>
      </form>
      {problem && (
        <p className="wrong" role="alert">
          {problem}
        </p>
      )}
      {bench.sweeps.slice(-4).map(({ sweep, state, step, text }) => (
        <div key={sweep.id} className="row-tight" data-testid="sweep-row">
          <span className="cut">{sweep.name}</span>
          <span className="num quiet">
            {step} of {sweep.values.length}
          </span>
          <span className={state === 'failed' ? 'tone-bad' : 'quiet'} title={text}>
            {state}
            {state === 'failed' ? `: ${text}` : ''}
          </span>
          <span className="grow" />
          {state === 'running' && (
            <button type="button" className="btn small" onClick={() => void act('sweep.stop', { sweep: sweep.id })}>
              Stop
            </button>
          )}
        </div>
      ))}
    </fieldset>
  );
}
