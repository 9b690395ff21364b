import { type ReactElement, useState } from 'react';
import type { ServerEquipment, ServerState } from '../../contract/server-schema.ts';
import { act } from '../actions.ts';
import { ROLE_WORDS } from '../bench/instrument-words.ts';
import { Icon } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { useAttempt } from './attempt.ts';
import { SureButton } from './sure-button.tsx';

/** What a server lists: attached like any other instrument; whose the lock is. */
export function ServerEquipmentTable({ server }: { server: ServerState }): ReactElement {
  const [asked, setAsked] = useState('');
  const { busy, problem, attempt } = useAttempt();
  const attach = (resource: string): void => {
    setAsked(resource);
    void attempt(async () => void (await call('instrument.open', { resource })));
  };
  if (server.equipment.length === 0) {
    return (
      <p className="quiet server-line">
        It lists no equipment. Connect an instrument at the server, then{' '}
        <button type="button" className="btn small" onClick={() => void act('server.refresh', { server: server.id })}>
          Look again
        </button>
      </p>
    );
  }
  return (
    <>
      <ul className="server-equipment">
        {server.equipment.map((one) => (
          <li key={one.id} data-testid="server-equipment">
            <div className="found-name">
              <b className="cut" title={one.label}>
                {one.label}
              </b>
              <small className="quiet cut" title={detailOf(one)}>
                {detailOf(one)}
              </small>
            </div>
            <LockCell server={server.id} one={one} />
            {one.instrument === null ? (
              <button
                type="button"
                className="btn"
                disabled={busy || !one.isConnected}
                title={one.isConnected ? one.resource : 'The server has no connection to it now.'}
                aria-label={`Attach ${one.label}`}
                onClick={() => attach(one.resource)}
              >
                {busy && asked === one.resource ? 'Attaching…' : 'Attach'}
              </button>
            ) : (
              <span className="attached">
                <Icon name="done" /> Attached
              </span>
            )}
          </li>
        ))}
      </ul>
      {problem && <Problem error={problem} />}
    </>
  );
}

/** A lock is never taken by force unless a person says so, twice. */
function LockCell({ server, one }: { server: string; one: ServerEquipment }): ReactElement {
  const { lock } = one;
  if (!lock || lock.owner === '') return <span />;
  const set = (on: boolean, force: boolean): void => {
    void act('server.lock', { server, equipment: one.id, on, force });
  };
  if (lock.isOurs) {
    return (
      <button type="button" className="btn small" onClick={() => set(false, false)} title="Others may use it then">
        Release lock
      </button>
    );
  }
  return (
    <span className="server-lock">
      <span className="quiet cut" title={`Locked by ${lock.owner}`}>
        locked by {lock.owner}
      </span>
      <SureButton small label="Take lock…" sure="Take it from them" onSure={() => set(true, true)} />
    </span>
  );
}

function detailOf({ identity, role, status }: ServerEquipment): string {
  const what = role === 'unknown' ? '' : ROLE_WORDS[role].toLowerCase();
  const more = Object.entries(status).map(([name, value]) => `${name} ${value}`);
  return [what, [identity.maker, identity.model, identity.serial].filter(Boolean).join(' '), ...more]
    .filter(Boolean)
    .join(' · ');
}
