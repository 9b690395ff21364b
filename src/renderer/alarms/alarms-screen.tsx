import { type ReactElement, useMemo, useState } from 'react';
import type { BenchState } from '../../contract/bench-schema.ts';
import { act } from '../actions.ts';
import { channelTitle, titleOf } from '../bench/instrument-words.ts';
import { Allowed } from '../control/allowed.tsx';
import { Icon } from '../control/icon.tsx';
import { MenuItem, Popover } from '../control/popover.tsx';
import { Readout } from '../control/readout.tsx';
import { benchStore } from '../engine-link.ts';
import { useSeconds } from '../frame/link-badge.tsx';
import { showDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { formatClock, formatElapsed, msOf } from '../text-format.ts';
import { AlarmHistory } from './alarm-history.tsx';
import { type ActiveAlarm, activeAlarms } from './alarm-order.ts';
import { RuleTable } from './rule-table.tsx';
import { alarmValue, conditionText } from './rule-words.ts';
import { SeverityTag } from './severity-tag.tsx';

const TABS = ['active', 'rules', 'history'] as const;
type Tab = (typeof TABS)[number];
const SHELVE_MINUTES = [10, 60, 480];

/** Alarms: what is wrong now, what is watched, what was. */
export function AlarmsScreen(): ReactElement {
  const bench = useStore(benchStore, (value) => value) as BenchState;
  const [tab, setTab] = useState<Tab>('active');
  const active = useMemo(() => activeAlarms(bench), [bench]);
  const counts: Record<Tab, string> = {
    active: `Active ${active.length}`,
    rules: `Rules ${bench.rules.length}`,
    history: 'History',
  };
  const canAdd = bench.channels.length > 0;
  return (
    <section className="view" aria-label="Alarms">
      <div className="view-bar">
        <h1>Alarms</h1>
        <div className="seg" role="tablist" aria-label="Alarms">
          {TABS.map((name) => (
            <button key={name} type="button" role="tab" aria-selected={tab === name} onClick={() => setTab(name)}>
              {counts[name]}
            </button>
          ))}
        </div>
        <span className="grow" />
        <Allowed right="control">
          <button
            type="button"
            className="btn primary"
            disabled={!canAdd}
            title={canAdd ? undefined : 'Attach an instrument first: a rule watches one of its channels'}
            onClick={() => showDialog({ kind: 'rule' })}
          >
            New rule
          </button>
        </Allowed>
      </div>
      <div className="view-body">
        {tab === 'active' && <ActiveTable bench={bench} active={active} />}
        {tab === 'rules' && <RuleTable bench={bench} />}
        {tab === 'history' && <AlarmHistory />}
      </div>
    </section>
  );
}

function ActiveTable({ bench, active }: { bench: BenchState; active: ActiveAlarm[] }): ReactElement {
  useSeconds(active.length > 0);
  if (active.length === 0) {
    return (
      <div className="empty">
        <Icon name="alarms" />
        <h2>{bench.rules.length > 0 ? 'All quiet' : 'Nothing is watched yet'}</h2>
        <p>
          {bench.rules.length > 0
            ? 'No rule holds now. Rules run in the engine, so they work with this window closed.'
            : 'A rule watches one channel: above, below, inside, outside, too fast, or silent. It can notify, mark, record, or turn every output off.'}
        </p>
        {bench.rules.length === 0 && bench.channels.length > 0 && (
          <div className="row">
            <Allowed right="control">
              <button type="button" className="btn primary" onClick={() => showDialog({ kind: 'rule' })}>
                New rule
              </button>
            </Allowed>
          </div>
        )}
      </div>
    );
  }
  return (
    <table className="table">
      <thead>
        <tr>
          <th>Severity</th>
          <th>Alarm</th>
          <th>Value</th>
          <th>Since</th>
          <th>Did</th>
          <th>
            <span className="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {active.map((row) => (
          <ActiveRow key={row.rule.id} bench={bench} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function ActiveRow({ bench, row }: { bench: BenchState; row: ActiveAlarm }): ReactElement {
  const { rule, state } = row;
  const channel = bench.channels.find((item) => item.id === rule.channel);
  const instrument = bench.instruments.find((item) => item.id === channel?.instrument);
  const shelved = state.shelvedUntilNs;
  const where =
    channel && instrument
      ? `${titleOf(instrument)} · ${channelTitle(channel, instrument)}`
      : 'its channel is not attached';
  return (
    <tr data-testid="active-alarm" data-severity={rule.severity} className={shelved ? 'dim' : undefined}>
      <td className="severity-cell">
        <SeverityTag severity={rule.severity} />
      </td>
      <td>
        <b>{rule.name}</b>
        <small>
          {where} · {conditionText(rule.condition, channel?.shownUnit ?? '')}
        </small>
      </td>
      <td className="num" title={`${alarmValue(state, channel)} when it began`}>
        {channel ? <Readout channel={channel} className="tiny" /> : alarmValue(state, channel)}
      </td>
      <td className="num" title={formatClock(msOf(state.sinceNs))}>
        {formatElapsed((Date.now() - msOf(state.sinceNs)) / 1000)}
      </td>
      <td className="quiet">
        {[
          state.state === 'latched' ? 'came back, latched' : '',
          ...state.did,
          shelved ? `shelved until ${formatClock(msOf(shelved), false).slice(0, 5)}` : '',
        ]
          .filter(Boolean)
          .join(' · ')}
      </td>
      <td className="actions">
        <Allowed right="control">
          {state.acknowledged ? (
            <span className="quiet">acknowledged</span>
          ) : (
            <button type="button" className="btn" onClick={() => void act('alarm.acknowledge', { rule: rule.id })}>
              Acknowledge
            </button>
          )}
          {shelved ? (
            <button
              type="button"
              className="btn"
              onClick={() => void act('alarm.shelve', { rule: rule.id, minutes: 0 })}
            >
              Unshelve
            </button>
          ) : (
            <Popover
              menu
              align="end"
              label={`Shelve ${rule.name}`}
              button={
                <>
                  Shelve <Icon name="down" />
                </>
              }
              className="btn with-arrow"
            >
              {(close) =>
                SHELVE_MINUTES.map((minutes) => (
                  <MenuItem
                    key={minutes}
                    onPick={() => {
                      close();
                      void act('alarm.shelve', { rule: rule.id, minutes });
                    }}
                  >
                    for {minutes < 60 ? `${minutes} min` : `${minutes / 60} h`}
                  </MenuItem>
                ))
              }
            </Popover>
          )}
        </Allowed>
      </td>
    </tr>
  );
}
