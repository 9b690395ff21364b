import 'uplot/dist/uPlot.min.css';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import { watchTheme } from '../plot/plot-theme.ts';
import { TrendChart } from './trend-chart.ts';
import { type ChartFigure, newestOf } from './trend-figure.ts';

/** One small chart under its title and its value: the newest, or the one under the pointer. */
export function TrendPlot(props: {
  figure: ChartFigure;
  /** ms since 1970. */
  t: readonly number[] | undefined;
  values: readonly (number | null)[] | undefined;
  spanMs: number;
  hover: number | undefined;
  onHover: (index: number | undefined) => void;
}): ReactElement {
  const { figure, t, values, spanMs, hover, onHover } = props;
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
    if (t && values) chart.current?.set({ t, values, spanMs });
  }, [t, values, figure, spanMs, theme]);
  const value = values && (hover === undefined ? newestOf(values) : (values[hover] ?? undefined));
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
