import { type FormEvent, type ReactElement, useState } from 'react';
import { type AlarmCondition, alarmAction } from '../../contract/alarm-schema.ts';
import { severity as severitySchema } from '../../contract/value-schema.ts';
import { LabError } from '../../core/errors.ts';
import { unitSymbol } from '../../core/units.ts';
import { inCardOrder } from '../bench/instrument-words.ts';
import { Dialog } from '../control/dialog.tsx';
import { Problem } from '../control/problem.tsx';
import { Readout } from '../control/readout.tsx';
import { benchStore, call } from '../engine-link.ts';
import { closeDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { draftOfRule, type RuleDraft, type RuleProblems, ruleOfDraft } from './rule-draft.ts';
import { ACTION_WORDS, CONDITION_WORDS, conditionText } from './rule-words.ts';

const KINDS = Object.keys(CONDITION_WORDS) as AlarmCondition['kind'][];

/** Makes or changes a rule: when it holds, how long, how bad it is, and what is done. */
export function RuleDialog({
  rule: ruleId,
  channel: firstChannel,
}: {
  rule: string | undefined;
  channel: string | undefined;
}): ReactElement {
  const all = useStore(benchStore, (bench) => bench?.channels) ?? [];
  const instruments = inCardOrder(useStore(benchStore, (bench) => bench?.instruments) ?? []);
  // A waveform is no value over time: a rule watches what the scope measures of it.
  const channels = instruments.flatMap((instrument) =>
    all.filter((item) => item.instrument === instrument.id && !instrument.waveforms.includes(item.name)),
  );
  const rule = benchStore.get()?.rules.find((item) => item.id === ruleId);
  const [draft, setDraft] = useState<RuleDraft>(() => draftOfRule(rule, firstChannel ?? channels[0]?.id));
  const [problems, setProblems] = useState<RuleProblems>({});
  const [error, setError] = useState<LabError>();
  const [busy, setBusy] = useState(false);
  const channel = channels.find((item) => item.id === draft.channel);
  const unit = channel?.shownUnit ?? '';
  const change = (piece: Partial<RuleDraft>): void => {
    setDraft((now) => ({ ...now, ...piece }));
    setProblems({});
  };

  const save = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const read = ruleOfDraft(draft, rule?.id ?? crypto.randomUUID(), unit);
    if (!read.ok) {
      setProblems(read.problems);
      return;
    }
    const name =
      draft.name.trim() || `${channel?.label ?? ''} ${conditionText(read.rule.condition, unit)}`.slice(0, 200);
    setBusy(true);
    try {
      await call('alarm.set', { rule: { ...read.rule, name } });
      closeDialog();
    } catch (thrown) {
      setError(LabError.from(thrown));
      setBusy(false);
    }
  };

  const box = (key: keyof RuleDraft & string, label: string, fieldUnit: string, hint = ''): ReactElement => (
    <div className="field">
      <label htmlFor={`rule-${key}`}>
        {label}
        {fieldUnit && ` (${unitSymbol(fieldUnit)})`}
      </label>
      <input
        id={`rule-${key}`}
        className="input num"
        value={String(draft[key])}
        maxLength={40}
        aria-invalid={problems[key] !== undefined}
        onChange={(event) => change({ [key]: event.target.value })}
      />
      {problems[key] ? <span className="wrong">{problems[key]}</span> : hint && <span className="hint">{hint}</span>}
    </div>
  );

  return (
    <Dialog title={rule ? 'Edit rule' : 'New rule'} onClose={closeDialog}>
      <form className="dialog-form" onSubmit={(event) => void save(event)}>
        <div className="dialog-body">
          <div className="form-grid">
            <div className="field">
              <label htmlFor="rule-channel">Channel</label>
              <select
                id="rule-channel"
                className="input"
                value={draft.channel}
                aria-invalid={problems.channel !== undefined}
                onChange={(event) => change({ channel: event.target.value })}
              >
                {!channel && <option value={draft.channel}>{draft.channel || 'Pick a channel'}</option>}
                {instruments.map((instrument) => (
                  <optgroup key={instrument.id} label={instrument.label}>
                    {channels
                      .filter((item) => item.instrument === instrument.id)
                      .map((item) => (
                        <option key={item.id} value={item.id}>
                          {item.label} ({unitSymbol(item.shownUnit) || 'no unit'})
                        </option>
                      ))}
                  </optgroup>
                ))}
              </select>
              <span className="hint">
                now {channel ? <Readout channel={channel} className="tiny" /> : 'not attached'}
              </span>
            </div>
            <div className="field">
              <label htmlFor="rule-kind">Holds when it</label>
              <select
                id="rule-kind"
                className="input"
                value={draft.kind}
                onChange={(event) => change({ kind: event.target.value as AlarmCondition['kind'] })}
              >
                {KINDS.map((kind) => (
                  <option key={kind} value={kind}>
                    {CONDITION_WORDS[kind]}
                  </option>
                ))}
              </select>
              <span className="hint">Overload counts as beyond every limit.</span>
            </div>
          </div>
          <div className="form-grid">
            {(draft.kind === 'above' || draft.kind === 'below') && box('limit', 'Limit', unit, '3v3, 250m, 1.2k')}
            {(draft.kind === 'inside' || draft.kind === 'outside') && box('low', 'Lower limit', unit)}
            {(draft.kind === 'inside' || draft.kind === 'outside') && box('high', 'Upper limit', unit)}
            {draft.kind === 'rate' && box('perSecond', 'Change per second', unit)}
            {draft.kind === 'rate' && box('windowS', 'Measured over', 's')}
            {draft.kind === 'silent' && box('seconds', 'Silent for', 's')}
            {draft.kind !== 'silent' && box('hysteresis', 'Hysteresis', unit, 'comes back by this before it clears')}
            {box('delayS', 'Delay', 's', 'must hold that long first')}
          </div>
          <div className="form-grid">
            <div className="field">
              <label htmlFor="rule-name">Name</label>
              <input
                id="rule-name"
                className="input"
                value={draft.name}
                maxLength={200}
                placeholder={channel ? `${channel.label} ${CONDITION_WORDS[draft.kind]} …` : ''}
                onChange={(event) => change({ name: event.target.value })}
              />
            </div>
            <div className="field">
              <label htmlFor="rule-severity">Severity</label>
              <select
                id="rule-severity"
                className="input"
                value={draft.severity}
                onChange={(event) => change({ severity: severitySchema.parse(event.target.value) })}
              >
                {severitySchema.options.map((severity) => (
                  <option key={severity} value={severity}>
                    {severity}
                  </option>
                ))}
              </select>
            </div>
          </div>
          <fieldset className="fieldset">
            <legend>Then</legend>
            <div className="checks">
              {alarmAction.options.map((action) => (
                <label key={action} className="check">
                  <input
                    type="checkbox"
                    checked={draft.actions.includes(action)}
                    onChange={(event) =>
                      change({
                        actions: event.target.checked
                          ? [...draft.actions, action]
                          : draft.actions.filter((item) => item !== action),
                      })
                    }
                  />
                  {ACTION_WORDS[action]}
                </label>
              ))}
            </div>
          </fieldset>
          <div className="checks">
            <label className="check">
              <input
                type="checkbox"
                checked={draft.latch}
                onChange={(event) => change({ latch: event.target.checked })}
              />
              Latch: stays until acknowledged
            </label>
            <label className="check">
              <input
                type="checkbox"
                checked={draft.enabled}
                onChange={(event) => change({ enabled: event.target.checked })}
              />
              Rule is on
            </label>
          </div>
          {error && <Problem error={error} />}
        </div>
        <footer className="dialog-foot">
          <span className="grow" />
          <button type="button" className="btn" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" className="btn primary" disabled={busy}>
            {rule ? 'Save' : 'Create'}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
