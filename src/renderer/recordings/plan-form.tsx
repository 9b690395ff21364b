import { type FormEvent, type ReactElement, useState } from 'react';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { RecordingPlan } from '../../contract/plan-schema.ts';
import { unitSymbol } from '../../core/units.ts';
import { PlainSwitch } from '../control/switch.tsx';
import { takeFocus } from './first-focus.ts';
import { type ConditionDraft, draftOfPlan, type PlanDraft, planOfDraft } from './plan-draft.ts';

const START_KINDS: readonly (readonly [ConditionDraft['kind'], string])[] = [
  ['above', 'a channel is above'],
  ['below', 'a channel is below'],
  ['time', 'at a time of day'],
  ['alarm', 'an alarm is raised'],
  ['sweep', 'a sweep starts'],
];
const STOP_KINDS: readonly (readonly [ConditionDraft['kind'], string])[] = [
  ['none', 'by hand only'],
  ['above', 'a channel is above'],
  ['below', 'a channel is below'],
  ['time', 'at a time of day'],
  ['alarm', 'an alarm is raised'],
  ['alarm-over', 'an alarm is over'],
  ['sweep', 'a sweep ends'],
];

/** Makes or changes a plan. */
export function PlanForm(props: {
  plan: RecordingPlan | undefined;
  bench: BenchState;
  onSave: (plan: RecordingPlan) => void;
  onCancel: () => void;
}): ReactElement {
  const { plan, bench, onSave, onCancel } = props;
  const [draft, setDraft] = useState<PlanDraft>(() => draftOfPlan(plan, firstMeasured(bench)));
  const [problem, setProblem] = useState('');
  const change = (piece: Partial<PlanDraft>): void => {
    setDraft((now) => ({ ...now, ...piece }));
    setProblem('');
  };
  const save = (event: FormEvent): void => {
    event.preventDefault();
    const unitOf = (id: string): string => bench.channels.find((channel) => channel.id === id)?.shownUnit ?? '';
    const read = planOfDraft(draft, plan?.id ?? crypto.randomUUID(), unitOf);
    if (read.ok) onSave(read.plan);
    else setProblem(read.problem);
  };
  const text = (key: 'name' | 'longest' | 'before' | 'after', label: string, placeholder = ''): ReactElement => (
    <div className="field">
      <label htmlFor={`plan-${key}`}>{label}</label>
      <input
        id={`plan-${key}`}
        ref={key === 'name' ? takeFocus : undefined}
        className={key === 'name' ? 'input' : 'input num'}
        value={draft[key]}
        maxLength={200}
        placeholder={placeholder}
        onChange={(event) => change({ [key]: event.target.value })}
      />
    </div>
  );
  return (
    <form className="plan-form" onSubmit={save}>
      {text('name', 'Name', 'Inrush of board 7')}
      <ConditionFields
        id="start"
        title="Starts when"
        kinds={START_KINDS}
        draft={draft.start}
        bench={bench}
        onChange={(start) => change({ start: { ...draft.start, ...start } })}
      />
      <ConditionFields
        id="stop"
        title="Stops when"
        kinds={STOP_KINDS}
        draft={draft.stop}
        bench={bench}
        onChange={(stop) => change({ stop: { ...draft.stop, ...stop } })}
      />
      <div className="form-grid">
        {text('before', 'Seconds before the start')}
        {text('after', 'Seconds after the stop')}
        {text('longest', 'At most (s)', 'no limit')}
        <div className="field">
          <span className="label">Again and again</span>
          <PlainSwitch label="Again and again" checked={draft.repeats} onChange={(repeats) => change({ repeats })} />
        </div>
      </div>
      {problem && (
        <p className="wrong" role="alert">
          {problem}
        </p>
      )}
      <div className="row-tight">
        <span className="grow" />
        <button type="button" className="btn" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="btn primary">
          {plan ? 'Save' : 'Arm'}
        </button>
      </div>
    </form>
  );
}

/** The first channel that goes on in time: waveforms come when they are asked for. */
function firstMeasured({ channels, streams }: BenchState): string {
  const waveforms = new Set(streams.flatMap(({ kind, key }) => (kind === 'segment' ? [key] : [])));
  const found = channels.find(({ instrument, stream }) => !waveforms.has(`${instrument}/${stream}`));
  return (found ?? channels[0])?.id ?? '';
}

function ConditionFields(props: {
  id: string;
  title: string;
  kinds: readonly (readonly [ConditionDraft['kind'], string])[];
  draft: ConditionDraft;
  bench: BenchState;
  onChange: (change: Partial<ConditionDraft>) => void;
}): ReactElement {
  const { id, title, kinds, draft, bench, onChange } = props;
  const { kind } = draft;
  const isLimit = kind === 'above' || kind === 'below';
  const unit = bench.channels.find((channel) => channel.id === draft.channel)?.shownUnit ?? '';
  const select = (
    key: 'channel' | 'rule' | 'sweep',
    label: string,
    options: readonly { id: string; label: string }[],
  ): ReactElement => (
    <div className="field">
      <label htmlFor={`${id}-${key}`}>{label}</label>
      <select
        id={`${id}-${key}`}
        className="input"
        value={draft[key]}
        onChange={(event) => onChange({ [key]: event.target.value })}
      >
        <option value="">{options.length > 0 ? 'Pick one' : 'There is none yet'}</option>
        {options.map((option) => (
          <option key={option.id} value={option.id}>
            {option.label}
          </option>
        ))}
      </select>
    </div>
  );
  return (
    <div className="form-grid">
      <div className="field">
        <label htmlFor={`${id}-kind`}>{title}</label>
        <select
          id={`${id}-kind`}
          className="input"
          value={kind}
          onChange={(event) => onChange({ kind: event.target.value as ConditionDraft['kind'] })}
        >
          {kinds.map(([value, word]) => (
            <option key={value} value={value}>
              {word}
            </option>
          ))}
        </select>
      </div>
      {isLimit && select('channel', 'Channel', bench.channels)}
      {(isLimit || kind === 'time') && (
        <div className="field">
          <label htmlFor={`${id}-value`}>
            {isLimit ? `Limit${unit ? ` (${unitSymbol(unit)})` : ''}` : 'Time (HH:MM)'}
          </label>
          <input
            id={`${id}-value`}
            className="input num"
            value={draft.value}
            placeholder={isLimit ? '3v3' : '22:00'}
            onChange={(event) => onChange({ value: event.target.value })}
          />
        </div>
      )}
      {(kind === 'alarm' || kind === 'alarm-over') &&
        select(
          'rule',
          'Alarm',
          bench.rules.map((rule) => ({ id: rule.id, label: rule.name })),
        )}
      {kind === 'sweep' &&
        select(
          'sweep',
          'Sweep',
          bench.sweeps.map(({ sweep }) => ({ id: sweep.id, label: sweep.name })),
        )}
    </div>
  );
}
