import 'uplot/dist/uPlot.min.css';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import type { ServerTrend, TrendSpan } from '../../contract/server-stats-schema.ts';
import { watchTheme } from '../plot/plot-theme.ts';
import { formatClock } from '../text-format.ts';
import { TrendChart } from './trend-chart.ts';
import { newestOf, TREND_FIGURES, type TrendFigure } from './trend-figure.ts';
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
          <Trend key={figure.id} figure={figure} trend={trend} spanMs={spanMs} hover={hover} onHover={setHover} />
        ))}
      </div>
    </>
  );
}

function Trend(props: {
  figure: TrendFigure;
  trend: ServerTrend | undefined;
  spanMs: number;
  hover: number | undefined;
  onHover: (index: number | undefined) => void;
}): ReactElement {
  const { figure, trend, spanMs, hover, onHover } = props;
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<TrendChart>(undefined);
  const [theme, setTheme] = useState(0);
  useEffect(() => watchTheme(() => setTheme((count) => count + 1)), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: its colours are read when it is made, so another theme is another chart
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const made = new TrendChart(element, figure, onHover);
    chart.current = made;
    const observer = new ResizeObserver(() => made.resize(element.clientWidth, element.clientHeight));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made[Symbol.dispose]();
      chart.current = undefined;
    };
  }, [figure, onHover, theme]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme is another chart, which has no data yet
  useEffect(() => {
    if (trend) chart.current?.set({ t: trend.t, values: trend[figure.id], spanMs });
  }, [trend, figure, spanMs, theme]);
  const value = trend && (hover === undefined ? newestOf(trend, figure.id) : (trend[figure.id][hover] ?? undefined));
  const isTooMuch = value !== undefined && figure.limit !== undefined && value > figure.limit;
  return (
    <figure className="server-trend" data-testid={`trend-${figure.id}`} title={figure.about}>
      <figcaption>
        <span className="quiet">{figure.title}</span>
        <b className={isTooMuch ? 'num tone-warn' : 'num'}>{value === undefined ? '–' : figure.text(value)}</b>
      </figcaption>
      <div ref={host} className="server-trend-plot" />
    </figure>
  );
}
