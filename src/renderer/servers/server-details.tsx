import type { ReactElement } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { linkLabel } from '../../core/link-word.ts';
import { act } from '../actions.ts';
import { Problem } from '../control/problem.tsx';
import { PlainSwitch } from '../control/switch.tsx';
import { useSeconds } from '../frame/link-badge.tsx';
import { formatBytes, formatClock, formatCount, msOf } from '../text-format.ts';
import { EmergencyStop } from './emergency-stop.tsx';
import { ServerAlarms } from './server-alarms.tsx';
import { ServerCommand } from './server-command.tsx';
import { ServerEquipmentTable } from './server-equipment.tsx';
import { ServerLogin } from './server-login.tsx';
import { clockText, DIALECT_WORDS, FINDING_WORDS, savingText, serverBadge } from './server-words.ts';

/** All that is known of one lab server, and what can be done with it. */
export function ServerDetails({ server }: { server: ServerState }): ReactElement {
  const badge = serverBadge(server, Date.now());
  useSeconds(badge.counts);
  const { id, link } = server;
  const isOff = link.word === 'disconnected' || link.word === 'idle' || link.word === 'failed';
  return (
    <section className="server-details" aria-label={server.label}>
      <header>
        <div className="found-name">
          <b className="cut">{server.label}</b>
          <small className="quiet cut num">
            {server.url}
            {server.dialect ? ` · ${DIALECT_WORDS[server.dialect]}` : ''} {server.version}
          </small>
        </div>
        <span className="badge" data-tone={badge.tone} data-testid="server-state">
          <i />
          {linkLabel(link)}
        </span>
        <span className="quiet" role="status">
          {badge.text}
        </span>
      </header>
      {link.reason !== '' && link.word !== 'connected' && (
        <Problem
          error={{ code: link.error?.code ?? '', message: link.reason }}
          tone={link.word === 'failed' ? 'bad' : link.word === 'degraded' ? 'info' : 'warn'}
        />
      )}
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
        <EmergencyStop server={server} />
        <button type="button" className="btn" onClick={() => void act('server.remove', { server: id })}>
          Remove
        </button>
      </div>
      <h3>Equipment</h3>
      <ServerEquipmentTable server={server} />
      {server.alarms.length > 0 && <ServerAlarms server={server} />}
      <h3>Login</h3>
      <ServerLogin server={server} />
      <h3>Command</h3>
      <ServerCommand server={id} />
      <div className="two">
        <Facts server={server} />
        <Findings server={server} />
      </div>
      {server.log.length > 0 && (
        <>
          <h3>What it said</h3>
          <ol className="lines">
            {[...server.log].reverse().map((line) => (
              <li key={`${line.t} ${line.topic} ${line.text}`}>
                <time className="num quiet">{formatClock(msOf(line.t), false)}</time>
                <span className="kind quiet">{line.topic}</span>
                <span className="selectable">
                  {line.text} {line.count > 1 && <span className="quiet">({line.count} times)</span>}
                </span>
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

function Facts({ server }: { server: ServerState }): ReactElement {
  const { traffic, link } = server;
  const saving = savingText(traffic);
  return (
    <div>
      <h3>Data</h3>
      <dl className="facts num">
        <dt>Streams</dt>
        <dd>
          {link.streams - link.polled} live, {link.polled} polled
        </dd>
        <dt>Coming in</dt>
        <dd>
          {formatBytes(traffic.bytesPerS)}/s · {formatCount(traffic.messages)} messages
        </dd>
        <dt>Over the wire</dt>
        <dd>
          {formatBytes(traffic.wireBytes)} {saving && <span className="quiet">{saving}</span>}
        </dd>
        <dt>Round trip</dt>
        <dd>{traffic.roundTripMs === null ? '–' : `${traffic.roundTripMs.toFixed(1)} ms`}</dd>
        <dt>Its clock</dt>
        <dd>{clockText(server.clock)}</dd>
        <dt>Dropped by it</dt>
        <dd>{formatCount(traffic.dropped)}</dd>
        <dt>Missing unexplained</dt>
        <dd className={traffic.unaccounted > 0 ? 'tone-bad' : 'tone-ok'}>{formatCount(traffic.unaccounted)}</dd>
        <dt>Not understood</dt>
        <dd>{formatCount(traffic.malformed)}</dd>
      </dl>
    </div>
  );
}

function Findings({ server }: { server: ServerState }): ReactElement {
  const features = Object.entries(server.features).filter(([, value]) => value !== false);
  return (
    <div>
      <h3>What it can do</h3>
      <ul className="server-findings">
        {server.findings.map(({ feature, state, text }) => (
          <li key={feature} data-state={state}>
            <b>{feature}</b> <span className="kind">{FINDING_WORDS[state]}</span>
            <p className="quiet">{text}</p>
          </li>
        ))}
        {server.findings.length === 0 &&
          features.map(([name, value]) => (
            <li key={name} data-state="works">
              <b>{name}</b> <span className="quiet">{Array.isArray(value) ? value.join(', ') : ''}</span>
            </li>
          ))}
      </ul>
    </div>
  );
}
