import type { ReactElement } from 'react';
import type { ServerAlarm, ServerState } from '../../contract/server-schema.ts';
import { act } from '../actions.ts';
import { formatClock, msOf } from '../text-format.ts';

const SHOWN = 20;
const ORDER: Record<ServerAlarm['state'], number> = { active: 0, acknowledged: 1, cleared: 2 };

/** Alarms the server raised, active ones first, the newest of them on top. */
export function ServerAlarms({ server }: { server: ServerState }): ReactElement {
  const alarms = [...server.alarms].sort((a, b) => ORDER[a.state] - ORDER[b.state] || msOf(b.t) - msOf(a.t));
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
