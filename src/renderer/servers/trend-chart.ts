import uPlot from 'uplot';
import { font } from '../plot/plot-frame.ts';
import { readTheme, traceStyle } from '../plot/plot-theme.ts';
import { timeTicks } from '../plot/time-ticks.ts';
import type { ChartFigure } from './trend-figure.ts';

const Y_AXIS_PX = 68;
const X_AXIS_PX = 22;
/** Ticks are no nearer than that to each other, and to the edges; CSS pixels. */
const TICK_PX = 84;
const EDGE_PX = 20;

export interface TrendData {
  /** ms since 1970. */
  t: readonly number[];
  values: readonly (number | null)[];
  spanMs: number;
}

/** One small chart: a line over the time of the day from zero up, its limit dashed; nothing is bridged. */
export class TrendChart implements Disposable {
  readonly #chart: uPlot;
  readonly #figure: ChartFigure;
  /** Second 0 of the axis. */
  readonly #originMs: number;

  /** `onHover`: index of the point under the pointer; undefined: none. */
  constructor(host: HTMLElement, figure: ChartFigure, onHover: (index: number | undefined) => void) {
    const theme = readTheme(host);
    const style = traceStyle(theme, figure.color);
    const axis = { font: font(theme, 1), stroke: theme.label, ticks: { show: false } };
    this.#figure = figure;
    this.#originMs = Date.now();
    const zoneMinutes = -new Date(this.#originMs).getTimezoneOffset();
    this.#chart = new uPlot(
      {
        width: Math.max(120, host.clientWidth),
        height: Math.max(80, host.clientHeight),
        legend: { show: false },
        padding: [8, 10, 0, 0],
        cursor: {
          drag: { x: false, y: false, setScale: false },
          y: false,
          points: { size: 6 },
          sync: { key: 'trend', setSeries: false },
        },
        select: { show: false, left: 0, top: 0, width: 0, height: 0 },
        scales: { x: { time: false, auto: false, min: 0, max: 1 }, y: { auto: false, min: 0, max: 1 } },
        axes: [
          {
            ...axis,
            size: X_AXIS_PX,
            gap: 4,
            grid: { stroke: theme.grid, width: 1 },
            splits: (self) => this.#ticks(self, zoneMinutes).values,
            values: (self) => this.#ticks(self, zoneMinutes).labels,
          },
          {
            ...axis,
            size: Y_AXIS_PX,
            gap: 6,
            grid: { stroke: theme.grid, width: 1 },
            splits: (self) => [0, (self.scales.y?.max ?? 1) / 2, self.scales.y?.max ?? 1],
            values: (_, splits) => splits.map((value) => figure.tick(value, splits.at(-1) ?? value)),
          },
        ],
        series: [
          {},
          {
            stroke: style.css,
            width: style.widthPx,
            fill: style.envelopeCss,
            points: { show: true, size: 3, filter: (self, series) => lonePoints(self.data[series] ?? []) },
          },
        ],
        hooks: {
          draw: [(self) => drawLimit(self, figure.limit, theme.warn)],
          setCursor: [(self) => onHover(self.cursor.idx ?? undefined)],
        },
      },
      [[], []],
      host,
    );
  }

  set({ t, values, spanMs }: TrendData): void {
    const last = t.at(-1) ?? Date.now();
    const seconds = (ms: number): number => (ms - this.#originMs) / 1000;
    this.#chart.batch(() => {
      this.#chart.setData([t.map(seconds), [...values]], false);
      this.#chart.setScale('x', { min: seconds(last - spanMs), max: seconds(last) });
      this.#chart.setScale('y', { min: 0, max: this.#figure.top(values) });
    });
  }

  /** CSS pixels. */
  resize(width: number, height: number): void {
    if (width > 0 && height > 0) this.#chart.setSize({ width, height });
  }

  [Symbol.dispose](): void {
    this.#chart.destroy();
  }

  #ticks(self: uPlot, zoneMinutes: number): { values: number[]; labels: string[] } {
    const { min = 0, max = 1 } = self.scales.x ?? {};
    const width = self.bbox.width / uPlot.pxRatio;
    const axis = { style: 'absolute', originMs: this.#originMs, zoneMinutes, zeroS: 0 } as const;
    const edgeS = ((max - min) * EDGE_PX) / Math.max(1, width);
    const { values, labels } = timeTicks(min, max, width, axis, TICK_PX);
    const first = values.findIndex((value) => value >= min + edgeS);
    const end = values.findLastIndex((value) => value <= max - edgeS) + 1;
    return first < 0
      ? { values: [], labels: [] }
      : { values: values.slice(first, end), labels: labels.slice(first, end) };
  }
}

/** Points with nothing on either side: no line shows them. */
function lonePoints(values: ArrayLike<number | null | undefined>): number[] {
  const lone: number[] = [];
  for (let at = 0; at < values.length; at++)
    if (values[at] != null && values[at - 1] == null && values[at + 1] == null) lone.push(at);
  return lone;
}

function drawLimit(self: uPlot, limit: number | undefined, color: string): void {
  if (limit === undefined) return;
  const { ctx, bbox } = self;
  const y = Math.round(self.valToPos(limit, 'y', true)) + 0.5;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.setLineDash([4 * uPlot.pxRatio, 4 * uPlot.pxRatio]);
  ctx.lineWidth = uPlot.pxRatio;
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}
