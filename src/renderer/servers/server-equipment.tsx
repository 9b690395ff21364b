import { type ReactElement, useState } from 'react';
import type { ServerEquipment, ServerState } from '../../contract/server-schema.ts';
import { act } from '../actions.ts';
import { ROLE_WORDS } from '../bench/instrument-words.ts';
import { Allowed } from '../control/allowed.tsx';
import { Icon } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { useMay } from '../may.ts';
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
            {server.features.locks === true ? <LockCell server={server.id} one={one} /> : <span />}
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
  const mayForce = useMay('manage');
  const set = (on: boolean, force: boolean): void => {
    void act('server.lock', { server, equipment: one.id, on, force });
  };
  if (!lock || lock.owner === '') {
    return (
      <Allowed right="control">
        <button
          type="button"
          className="btn small"
          aria-label={`Lock ${one.label}`}
          title="Nobody else sets it then; Outputs off works for everybody"
          onClick={() => set(true, false)}
        >
          Lock
        </button>
      </Allowed>
    );
  }
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
      {mayForce && (
        <SureButton
          small
          label="Take lock…"
          sure={`Take it from ${lock.owner}`}
          title="They are told, and cannot set it any more. The server may want the role admin for it."
          onSure={() => set(true, true)}
        />
      )}
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
