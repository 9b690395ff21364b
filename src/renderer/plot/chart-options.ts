import type uPlot from 'uplot';
import { type AxisPlace, countSides, MOST_AXES } from './axis-layout.ts';
import { font } from './plot-frame.ts';
import type { PlotTheme } from './plot-theme.ts';
import type { TimeTicks } from './time-ticks.ts';
import type { ValueTicks } from './value-ticks.ts';

/** Width of one y axis, height of the time axis, free edges; CSS pixels. */
export const AXIS_WIDTH_PX = 56;
const TIME_AXIS_PX = 24;
const EDGE_PX = 22;
const TOP_PX = 22;

export interface ChartParts {
  size: { width: number; height: number };
  theme: PlotTheme;
  /** Plots with one key share the hover line. */
  syncKey: string;
  axes: readonly (AxisPlace & { ticks: ValueTicks })[];
  timeTicks: () => TimeTicks;
  /** Axes to leave room for, so that plots over each other are in line. */
  sides: { left: number; right: number };
  series: uPlot.Series[];
  drawBelow: (chart: uPlot) => void;
  drawAbove: (chart: uPlot) => void;
}

/** uPlot as we use it: axes and grid with our ticks, the hover line, and series whose paths we make. Ranges are set from outside. */
export function chartOptions(parts: ChartParts): uPlot.Options {
  const { size, theme, axes, sides } = parts;
  const own = countSides(axes);
  const axisFont = font(theme, 1);
  const shared = { font: axisFont, stroke: theme.label, ticks: { show: false } };
  return {
    ...size,
    legend: { show: false },
    // uPlot's own dragging and double click are off: plot-input.ts moves all linked plots together.
    cursor: {
      drag: { x: false, y: false, setScale: false },
      points: { show: false },
      y: false,
      sync: { key: parts.syncKey, setSeries: false },
      bind: { mousedown: nothing, mouseup: nothing, click: nothing, dblclick: nothing },
    },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    padding: [
      TOP_PX,
      EDGE_PX + Math.max(0, sides.right - own.right) * AXIS_WIDTH_PX,
      0,
      Math.max(0, sides.left - own.left) * AXIS_WIDTH_PX + (sides.left === 0 ? EDGE_PX : 0),
    ],
    scales: {
      x: { time: false, auto: false, min: 0, max: 1 },
      ...Object.fromEntries(axes.map((axis) => [axis.key, { auto: false, min: 0, max: 1 }])),
    },
    axes: [
      {
        ...shared,
        scale: 'x',
        size: TIME_AXIS_PX,
        gap: 6,
        grid: { stroke: theme.grid, width: 1 },
        splits: () => parts.timeTicks().values,
        values: () => parts.timeTicks().labels,
      },
      ...axes.slice(0, MOST_AXES).map(
        (axis, index): uPlot.Axis => ({
          ...shared,
          scale: axis.key,
          side: axis.side === 'left' ? 3 : 1,
          size: AXIS_WIDTH_PX,
          gap: 7,
          grid: { show: index === 0, stroke: theme.grid, width: 1 },
          splits: () => axis.ticks.values,
          values: () => axis.ticks.labels,
        }),
      ),
    ],
    series: [{}, ...parts.series],
    hooks: { drawAxes: [parts.drawBelow], draw: [parts.drawAbove] },
  };
}

/** A listener factory that binds nothing. */
function nothing(): null {
  return null;
}
