import type { ReactElement } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { act } from '../actions.ts';
import { formatClock, msOf } from '../text-format.ts';

/** Alarms the server raised, active ones first. */
export function ServerAlarms({ server }: { server: ServerState }): ReactElement {
  const order = { active: 0, acknowledged: 1, cleared: 2 };
  const alarms = [...server.alarms].sort(
    (a, b) => order[a.state] - order[b.state] || (BigInt(b.t) > BigInt(a.t) ? 1 : -1),
  );
  return (
    <>
      <h3>Its alarms</h3>
      <ul className="server-equipment">
        {alarms.slice(0, 20).map((alarm) => (
          <li key={alarm.id} data-state={alarm.state} data-severity={alarm.severity}>
            <div className="found-name">
              <b className="cut" title={alarm.text}>
                {alarm.text}
              </b>
              <small className="quiet cut">
                {formatClock(msOf(alarm.t), false)} · {alarm.severity} · {alarm.equipment}
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
    </>
  );
}
