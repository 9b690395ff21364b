import { type ReactElement, useState } from 'react';
import type { TrendSpan } from '../../contract/server-stats-schema.ts';
import { formatClock } from '../text-format.ts';
import { TREND_FIGURES } from './trend-figure.ts';
import { TrendPlot } from './trend-plot.tsx';
import { useServerTrend } from './trend-watch.ts';

interface ShownSpan {
  span: TrendSpan;
  label: string;
  spanMs: number;
}

const SHORT: ShownSpan = { span: 'minutes', label: '10 min', spanMs: 600_000 };
const SPANS: readonly ShownSpan[] = [SHORT, { span: 'day', label: '24 h', spanMs: 86_400_000 }];

/** What was lost, how late rows came and what compression saved, over the last minutes or the last day. */
export function ServerTrends({ server }: { server: string }): ReactElement {
  const [{ span, spanMs }, setSpan] = useState(SHORT);
  const [hover, setHover] = useState<number>();
  const trend = useServerTrend(server, span);
  return (
    <>
      <div className="server-trend-head">
        <h3>Over time</h3>
        <div className="seg">
          {SPANS.map((one) => (
            <button type="button" key={one.span} aria-pressed={one.span === span} onClick={() => setSpan(one)}>
              {one.label}
            </button>
          ))}
        </div>
        <span className="quiet num">
          {trend && hover !== undefined && trend.t[hover] !== undefined
            ? `at ${formatClock(trend.t[hover], false)}`
            : ''}
        </span>
      </div>
      <div className="server-trends">
        {TREND_FIGURES.map((figure) => (
          <TrendPlot
            key={figure.id}
            figure={figure}
            t={trend?.t}
            values={trend?.[figure.id]}
            spanMs={spanMs}
            hover={hover}
            onHover={setHover}
          />
        ))}
      </div>
    </>
  );
}
