import { type ReactElement, useState } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { CodecBench } from './codec-bench.tsx';
import { ServerFigures } from './server-figures.tsx';
import { ServerTrends } from './server-trends.tsx';

/** How well a server delivers: folded away, and asked for only while it is open. */
export function ServerPerformance({ server }: { server: ServerState }): ReactElement {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details className="server-more" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>
        <h3>Performance</h3>{' '}
        <span className="quiet">
          {server.features.stats === true
            ? 'losses, latency, compression, its own counts'
            : 'losses, latency, compression'}
        </span>
      </summary>
      {isOpen && (
        <div className="server-performance">
          <ServerTrends server={server.id} />
          {server.features.stats === true && (
            <>
              <h3>Counted by it</h3>
              <ServerFigures server={server} />
            </>
          )}
          <CodecBench />
        </div>
      )}
    </details>
  );
}
