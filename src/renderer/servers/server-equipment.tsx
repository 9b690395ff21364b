import { type ReactElement, useState } from 'react';
import type { ServerEquipment, ServerState } from '../../contract/server-schema.ts';
import { LabError } from '../../core/errors.ts';
import { act } from '../actions.ts';
import { ROLE_WORDS } from '../bench/instrument-words.ts';
import { Icon } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';

/** What a server lists: attached like any other instrument; whose the lock is. */
export function ServerEquipmentTable({ server }: { server: ServerState }): ReactElement {
  const [busy, setBusy] = useState('');
  const [problem, setProblem] = useState<LabError>();
  const attach = async (resource: string): Promise<void> => {
    setBusy(resource);
    setProblem(undefined);
    try {
      await call('instrument.open', { resource });
    } catch (thrown) {
      setProblem(LabError.from(thrown));
    }
    setBusy('');
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
              <b className="cut">{one.label}</b>
              <small className="quiet cut" title={detailOf(one)}>
                {detailOf(one)}
              </small>
            </div>
            <LockCell server={server.id} one={one} />
            {one.instrument === null ? (
              <button
                type="button"
                className="btn"
                disabled={busy !== '' || !one.isConnected}
                title={one.isConnected ? one.resource : 'The server has no connection to it now.'}
                aria-label={`Attach ${one.label}`}
                onClick={() => void attach(one.resource)}
              >
                {busy === one.resource ? 'Attaching…' : 'Attach'}
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
  const [isSure, setIsSure] = useState(false);
  const { lock } = one;
  if (!lock || lock.owner === '') return <span />;
  const set = (on: boolean, force: boolean): void => {
    setIsSure(false);
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
      <button
        type="button"
        className={isSure ? 'btn small danger' : 'btn small'}
        onClick={() => (isSure ? set(true, true) : setIsSure(true))}
        onBlur={() => setIsSure(false)}
      >
        {isSure ? 'Take it from them' : 'Take lock…'}
      </button>
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
