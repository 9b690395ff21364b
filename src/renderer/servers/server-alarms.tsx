import type { ReactElement } from 'react';
import type { ServerAlarm, ServerState } from '../../contract/server-schema.ts';
import { act } from '../actions.ts';
import { formatClock, msOf } from '../text-format.ts';

const SHOWN = 20;
const STATES: readonly ServerAlarm['state'][] = ['active', 'acknowledged', 'cleared'];
const SEVERITIES: readonly ServerAlarm['severity'][] = ['critical', 'error', 'warning', 'info'];

/** Alarms the server raised: active ones first, of those the worst, of those the newest. */
export function ServerAlarms({ server }: { server: ServerState }): ReactElement {
  // The newest came last, and sorting keeps what is equal in its order.
  const alarms = [...server.alarms].reverse().sort((a, b) => rankOf(a) - rankOf(b) || msOf(b.t) - msOf(a.t));
  const active = alarms.filter(({ state }) => state === 'active').length;
  return (
    <>
      <h3>Its alarms {active > 0 && <span className="tone-bad">{active} active</span>}</h3>
      <ul className="server-equipment">
        {alarms.slice(0, SHOWN).map((alarm) => (
          <li key={alarm.id} data-state={alarm.state} data-severity={alarm.severity}>
            <div className="found-name">
              <b className="cut" title={alarm.text}>
                {alarm.text}
              </b>
              <small className="quiet cut">
                {[formatClock(msOf(alarm.t), false), alarm.severity, alarm.equipment].filter(Boolean).join(' · ')}
              </small>
            </div>
            <span className={alarm.state === 'active' ? 'tone-bad' : 'quiet'}>{alarm.state}</span>
            {alarm.state === 'active' ? (
              <button
                type="button"
                className="btn small"
                onClick={() => void act('server.acknowledge', { server: server.id, alarm: alarm.id })}
              >
                Acknowledge
              </button>
            ) : (
              <span />
            )}
          </li>
        ))}
      </ul>
      {alarms.length > SHOWN && <p className="quiet server-line">and {alarms.length - SHOWN} more</p>}
    </>
  );
}

function rankOf({ state, severity }: ServerAlarm): number {
  return STATES.indexOf(state) * SEVERITIES.length + SEVERITIES.indexOf(severity);
}
