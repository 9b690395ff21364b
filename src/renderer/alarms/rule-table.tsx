import type { ReactElement } from 'react';
import type { AlarmRule } from '../../contract/alarm-schema.ts';
import type { BenchState } from '../../contract/bench-schema.ts';
import { act, toast } from '../actions.ts';
import { Icon } from '../control/icon.tsx';
import { PlainSwitch } from '../control/switch.tsx';
import { showDialog } from '../screen-store.ts';
import { ACTION_WORDS, conditionText } from './rule-words.ts';
import { SeverityTag } from './severity-tag.tsx';

async function remove(rule: AlarmRule): Promise<void> {
  if (!(await act('alarm.remove', { rule: rule.id }))) return;
  toast({
    severity: 'done',
    text: `Rule “${rule.name}” is removed.`,
    action: { label: 'Undo', run: () => void act('alarm.set', { rule }) },
  });
}

/** What is watched, whether it holds or not. */
export function RuleTable({ bench }: { bench: BenchState }): ReactElement {
  if (bench.rules.length === 0) {
    return (
      <div className="empty">
        <Icon name="alarms" />
        <h2>No rules yet</h2>
        <p>Make one with “New rule”. Rules are kept in the bench file and run in the engine.</p>
      </div>
    );
  }
  return (
    <table className="table">
      <thead>
        <tr>
          <th>On</th>
          <th>Rule</th>
          <th>Channel</th>
          <th>Condition</th>
          <th>Severity</th>
          <th>Does</th>
          <th>State</th>
          <th>
            <span className="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {bench.rules.map((rule) => {
          const channel = bench.channels.find((item) => item.id === rule.channel);
          const state = bench.alarms.find((item) => item.rule === rule.id);
          return (
            <tr key={rule.id} data-testid="rule" className={rule.enabled ? undefined : 'dim'}>
              <td>
                <PlainSwitch
                  label={`${rule.name} on`}
                  checked={rule.enabled}
                  onChange={(enabled) => void act('alarm.set', { rule: { ...rule, enabled } })}
                />
              </td>
              <td>
                <b>{rule.name}</b>
              </td>
              <td className={channel ? undefined : 'quiet'}>{channel?.label ?? 'not attached'}</td>
              <td className="num">
                {conditionText(rule.condition, channel?.shownUnit ?? '')}
                <small>{extras(rule)}</small>
              </td>
              <td>
                <SeverityTag severity={rule.severity} />
              </td>
              <td className="quiet">
                {rule.actions.map((action) => ACTION_WORDS[action].toLowerCase()).join(', ') || 'lists it'}
              </td>
              <td className="quiet">{rule.enabled ? (state?.state ?? 'normal') : 'off'}</td>
              <td className="actions">
                <button type="button" className="btn" onClick={() => showDialog({ kind: 'rule', rule: rule.id })}>
                  Edit…
                </button>
                <button type="button" className="btn danger" onClick={() => void remove(rule)}>
                  Remove
                </button>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function extras(rule: AlarmRule): string {
  return [
    rule.hysteresis > 0 ? `hysteresis ${rule.hysteresis}` : '',
    rule.delayS > 0 ? `after ${rule.delayS} s` : '',
    rule.latch ? 'latches' : '',
  ]
    .filter(Boolean)
    .join(' · ');
}
