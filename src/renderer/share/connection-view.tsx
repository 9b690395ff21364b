import { type ReactElement, useRef } from 'react';
import type { ShareState } from '../../contract/share-schema.ts';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { useAttempt } from '../servers/attempt.ts';
import { ConnectionRow } from './connection-row.tsx';
import { ShareTrends } from './share-trends.tsx';
import { useShareFigures } from './share-watch.ts';

/** Who is connected, how each keeps up, and how the hub does. */
export function ConnectionView({ share, isLocked }: { share: ShareState; isLocked: boolean }): ReactElement {
  const isOn = share.state === 'on';
  const { stats, trend, problem } = useShareFigures(isOn);
  const kicking = useAttempt();
  const list = useRef<HTMLDivElement>(null);
  const kick = (connection: string): void =>
    void kicking.attempt(async () => {
      await call('share.kick', { connection });
      // Its button goes with it: the focus stays in the list.
      list.current?.focus();
    });
  const gauges = new Map(stats?.connections.map((one) => [one.id, one]));
  return (
    <>
      <div className="share-connections" ref={list} tabIndex={-1}>
        {share.connections.length === 0 ? (
          <p className="quiet">
            {isOn
              ? 'Nobody is connected. Clients use an address above, with a user or a token.'
              : 'The bench is not shared, so nobody is connected.'}
          </p>
        ) : (
          <table className="table share-table" aria-label="Connections">
            <thead>
              <tr>
                <th>Who</th>
                <th>Speaks, from</th>
                <th>Since</th>
                <th className="right">Sent</th>
                <th>Queue</th>
                <th className="right" title="Items it was not sent since it came; each is declared to it">
                  Not sent
                </th>
                <th>State</th>
                <th>
                  <span className="sr-only">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {share.connections.map((one) => (
                <ConnectionRow
                  key={one.id}
                  connection={one}
                  gauges={isOn ? gauges.get(one.id) : undefined}
                  isLocked={isLocked}
                  onKick={kick}
                />
              ))}
            </tbody>
          </table>
        )}
      </div>
      {kicking.problem && <Problem error={kicking.problem} />}
      {isOn && problem && <Problem error={problem} tone="warn" />}
      {(isOn || trend.t.length > 0) && <ShareTrends trend={trend} />}
    </>
  );
}
