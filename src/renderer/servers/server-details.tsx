import type { ReactElement } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { linkLabel } from '../../core/link-word.ts';
import { act } from '../actions.ts';
import { Problem } from '../control/problem.tsx';
import { PlainSwitch } from '../control/switch.tsx';
import { useSeconds } from '../frame/link-badge.tsx';
import { plural } from '../text-format.ts';
import { EmergencyStop } from './emergency-stop.tsx';
import { ServerAlarms } from './server-alarms.tsx';
import { ServerCommand } from './server-command.tsx';
import { ServerEquipmentTable } from './server-equipment.tsx';
import { ServerFacts } from './server-facts.tsx';
import { ServerFindings } from './server-findings.tsx';
import { ServerLog } from './server-log.tsx';
import { ServerLogin } from './server-login.tsx';
import { ServerPerformance } from './server-performance.tsx';
import { ServerRecordings } from './server-recordings.tsx';
import { ServerStreams } from './server-streams.tsx';
import { DIALECT_WORDS, serverBadge, stateNote } from './server-words.ts';
import { SureButton } from './sure-button.tsx';

/** All that is known of one lab server, and what can be done with it. */
export function ServerDetails(props: { server: ServerState; onRemoved: () => void }): ReactElement {
  const { server } = props;
  const { link, login } = server;
  const badge = serverBadge(server, Date.now());
  useSeconds(badge.counts);
  const kind = [server.dialect && DIALECT_WORDS[server.dialect], server.version].filter(Boolean).join(' ');
  return (
    <section className="server-details" aria-label={server.label}>
      <header>
        <div className="found-name">
          <b className="cut" title={server.label}>
            {server.label}
          </b>
          <small className="quiet cut num selectable" title={server.url}>
            {[server.url, kind].filter(Boolean).join(' · ')}
          </small>
        </div>
        <span className="quiet" role="status">
          {stateNote(server, Date.now())}
        </span>
        <span className="badge" data-tone={badge.tone} data-testid="server-state">
          <i />
          {linkLabel(link)}
        </span>
      </header>
      {link.reason !== '' && link.word !== 'connected' && (
        <Problem
          error={{ code: link.error?.code ?? '', message: link.reason }}
          tone={
            link.word === 'failed' ? 'bad' : link.word === 'reconnecting' || link.word === 'suspended' ? 'warn' : 'info'
          }
        />
      )}
      <Actions {...props} />
      {login.state !== 'absent' && <ServerLogin server={server} />}
      <h3>Equipment</h3>
      <ServerEquipmentTable server={server} />
      {server.streams.length > 0 && (
        <>
          <h3>Streams</h3>
          <ServerStreams server={server} />
        </>
      )}
      {server.alarms.length > 0 && <ServerAlarms server={server} />}
      <div className="two">
        <ServerFacts server={server} />
        <div>
          <ServerRecordings server={server} />
          <ServerCommand server={server} />
        </div>
      </div>
      <ServerPerformance server={server} />
      <ServerFindings server={server} />
      {server.log.length > 0 && <ServerLog log={server.log} />}
    </section>
  );
}

function Actions({ server, onRemoved }: { server: ServerState; onRemoved: () => void }): ReactElement {
  const { id, link } = server;
  const isOff = link.word === 'disconnected' || link.word === 'idle' || link.word === 'failed';
  const attached = server.equipment.filter(({ instrument }) => instrument !== null).length;
  const remove = (): void => void act('server.remove', { server: id }).then((done) => done && onRemoved());
  return (
    <div className="server-actions">
      <button type="button" className="btn" onClick={() => void act('server.reconnect', { server: id })}>
        {isOff ? 'Connect' : 'Reconnect now'}
      </button>
      {!isOff && (
        <button type="button" className="btn" onClick={() => void act('server.disconnect', { server: id })}>
          Disconnect
        </button>
      )}
      <span className="server-switch">
        <PlainSwitch
          label="Live data over WebSocket"
          checked={server.webSocket}
          onChange={(webSocket) => void act('server.set', { server: id, webSocket })}
        />
        Live data over WebSocket
      </span>
      <span className="grow" />
      {attached === 0 ? (
        <button type="button" className="btn" onClick={remove}>
          Remove
        </button>
      ) : (
        <SureButton
          label="Remove…"
          sure={`Remove, and detach ${plural(attached, 'instrument')}`}
          title="Takes the server off the bench, with its instruments"
          onSure={remove}
        />
      )}
      <EmergencyStop server={server} />
    </div>
  );
}
