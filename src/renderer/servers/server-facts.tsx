import type { ReactElement } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { formatAgo, formatBytes, formatCount, msOf, plural } from '../text-format.ts';
import { clockText, savingText, streamsText } from './server-words.ts';

/** What comes from a server, how fast, and what is missing. */
export function ServerFacts({ server }: { server: ServerState }): ReactElement {
  const { traffic, link } = server;
  const saving = savingText(traffic);
  return (
    <div>
      <h3>Data</h3>
      <dl className="facts num">
        <dt>Streams</dt>
        <dd>{streamsText(link)}</dd>
        <dt>Coming in</dt>
        <dd>
          {formatBytes(traffic.bytesPerS)}/s ·{' '}
          {traffic.messages === 1 ? plural(1, 'message') : `${formatCount(traffic.messages)} messages`}
        </dd>
        <dt>Over the wire</dt>
        <dd>
          {formatBytes(traffic.wireBytes)} {saving && <span className="quiet">{saving}</span>}
        </dd>
        <dt>Round trip</dt>
        <dd>{traffic.roundTripMs === null ? 'not measured' : `${traffic.roundTripMs.toFixed(1)} ms`}</dd>
        {traffic.heartbeats && (
          <>
            <dt title="What it sends by itself to show that it lives">Heartbeats</dt>
            <dd data-testid="heartbeats">{heartbeatText(traffic.heartbeats, Date.now())}</dd>
          </>
        )}
        <dt>Its clock</dt>
        <dd>{clockText(server.clock)}</dd>
        <dt>Dropped by it</dt>
        <dd className={traffic.dropped > 0 ? 'tone-warn' : ''}>{formatCount(traffic.dropped)}</dd>
        <dt>Missing unexplained</dt>
        <dd className={traffic.unaccounted > 0 ? 'tone-bad' : 'tone-ok'}>{formatCount(traffic.unaccounted)}</dd>
        <dt>Not understood</dt>
        <dd className={traffic.malformed > 0 ? 'tone-warn' : ''}>{formatCount(traffic.malformed)}</dd>
      </dl>
    </div>
  );
}

function heartbeatText({ count, lastNs }: NonNullable<ServerState['traffic']['heartbeats']>, nowMs: number): string {
  if (lastNs === null) return 'none yet';
  return `${formatCount(count)} · last ${formatAgo(msOf(lastNs), nowMs)}`;
}
