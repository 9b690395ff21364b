import type { ReactElement } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { formatClock, msOf } from '../text-format.ts';

/** What a server said beside rows, the newest first. */
export function ServerLog({ log }: { log: ServerState['log'] }): ReactElement {
  return (
    <>
      <h3>What it said</h3>
      <ol className="lines server-log">
        {[...log].reverse().map((line) => (
          <li key={`${line.topic} ${line.text} ${line.t}`} data-severity={line.severity}>
            <time className="num quiet">{formatClock(msOf(line.t), false)}</time>
            <span className="kind quiet">{line.topic}</span>
            <span className="selectable">
              {line.text} {line.count > 1 && <span className="quiet">({line.count} times)</span>}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}
