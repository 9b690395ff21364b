import type { ReactElement } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { formatCount } from '../text-format.ts';
import { figureGroups } from './figure-groups.ts';
import { useServerStats } from './stats-watch.ts';

/** What the server counts of its own sending, by the names it has for it, asked once a second; what was measured here stands beside. */
export function ServerFigures({ server }: { server: ServerState }): ReactElement {
  const { stats, problem } = useServerStats(server.id);
  if (!stats) {
    return (
      <p className="quiet server-line">
        {problem ? (problem.code === 'server.unsupported' ? 'It does not say.' : problem.message) : 'Asking it…'}
      </p>
    );
  }
  return (
    <>
      <div className="server-figures num" data-testid="server-figures">
        {figureGroups(stats, server.traffic).map(({ title, rows }) => (
          <div key={title}>
            <h4>{title}</h4>
            <dl>
              {rows.map(({ label, name, text, tone }) => (
                <div key={name} title={name}>
                  <dt>{label}</dt>
                  <dd className={tone}>{text}</dd>
                </div>
              ))}
            </dl>
          </div>
        ))}
      </div>
      {stats.others.length > 0 && (
        <p className="quiet server-others num">
          {stats.others.map(({ name, value }) => `${name} ${formatCount(value)}`).join(' · ')}
        </p>
      )}
      {problem && <p className="quiet server-line">It does not answer now: {problem.message}</p>}
    </>
  );
}
