import type { ReactElement } from 'react';
import type { ShareConnection, ShareStats } from '../../contract/share-schema.ts';
import { SureButton } from '../servers/sure-button.tsx';
import { percent } from '../servers/trend-figure.ts';
import { formatBytes, formatClock, formatCount, formatDate, msOf } from '../text-format.ts';
import { CONNECTION_WORDS } from './share-words.ts';

const DAY_MS = 86_400_000;

/** One client: who, how, how fast, and whether it keeps up. */
export function ConnectionRow(props: {
  connection: ShareConnection;
  /** Its figures of the last second; undefined: not known yet. */
  gauges: ShareStats['connections'][number] | undefined;
  isLocked: boolean;
  onKick: (connection: string) => void;
}): ReactElement {
  const { connection, gauges, isLocked, onKick } = props;
  const { id, user, role, dialect, address, sinceNs, rateHz, queue, dropped, bytes } = connection;
  const state = CONNECTION_WORDS[connection.state];
  const sinceMs = msOf(sinceNs);
  return (
    <tr data-testid="share-connection">
      <td>
        <span className="cut share-cell" title={user}>
          {user}
        </span>
        {role !== user && <small>{role}</small>}
      </td>
      <td>
        {dialect}
        <small className="num">{address}</small>
      </td>
      <td className="num" title={formatDate(sinceMs)}>
        {Date.now() - sinceMs < DAY_MS ? formatClock(sinceMs, false) : formatDate(sinceMs)}
      </td>
      <td className="num right">
        {Math.round(rateHz)} msg/s
        <small>{formatBytes(bytes)}</small>
      </td>
      <td className="num">
        <QueueGauge use={gauges?.queueUse} queue={queue} user={user} />
      </td>
      <td className={dropped > 0 ? 'num right tone-warn' : 'num right'}>{formatCount(dropped)}</td>
      <td>
        <span className={`lamp ${state.tone}`} title={state.about}>
          {state.word}
        </span>
        {connection.leftS !== undefined && <small>kept for {Math.ceil(connection.leftS)} s</small>}
      </td>
      <td className="actions">
        {!isLocked && (
          <SureButton
            small
            label="Kick…"
            about={`${user}, ${dialect}`}
            sure="Kick"
            title={`Ends this connection of ${user}; the user is let in from there again in a minute`}
            onSure={() => onKick(id)}
          />
        )}
      </td>
    </tr>
  );
}

function QueueGauge({ use, queue, user }: { use: number | undefined; queue: number; user: string }): ReactElement {
  const share = Math.min(1, use ?? 0);
  const text = use === undefined ? '–' : percent(use, 0);
  return (
    <span className="share-queue" title={`${formatCount(queue)} messages wait`}>
      <meter aria-label={`Queue of ${user} in use`} min={0} max={1} high={0.95} low={0.8} optimum={0} value={share} />
      {text}
      <small>{formatCount(queue)} wait</small>
    </span>
  );
}
