import { type ReactElement, useState } from 'react';
import { TrendPlot } from '../servers/trend-plot.tsx';
import { formatClock } from '../text-format.ts';
import { SHARE_FIGURES } from './share-figures.ts';
import type { ShareTrend } from './share-log.ts';
import { TREND_MS } from './share-watch.ts';

/** How the hub does, over the last ten minutes in which somebody looked. */
export function ShareTrends({ trend }: { trend: ShareTrend }): ReactElement {
  const [hover, setHover] = useState<number>();
  const at = hover === undefined ? undefined : trend.t[hover];
  return (
    <section aria-label="The last ten minutes">
      <div className="server-trend-head">
        <h3>The last ten minutes</h3>
        <span className="quiet">asked of the hub while this tab is open</span>
        <span className="quiet num">{at === undefined ? '' : `at ${formatClock(at, false)}`}</span>
      </div>
      <div className="server-trends">
        {SHARE_FIGURES.map((figure) => (
          <TrendPlot
            key={figure.id}
            figure={figure}
            t={trend.t.length > 0 ? trend.t : undefined}
            values={trend[figure.id]}
            spanMs={TREND_MS}
            hover={hover}
            onHover={setHover}
          />
        ))}
      </div>
    </section>
  );
}
