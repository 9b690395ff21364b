import uPlot from 'uplot';
import { countSides, layAxes, MOST_AXES } from './axis-layout.ts';
import { CalmRange } from './calm-range.ts';
import { AXIS_WIDTH_PX, chartOptions } from './chart-options.ts';
import { paintCursors } from './cursor-mark.ts';
import {
  type DrawnAxis,
  type DrawnTrace,
  EMPTY_MAP,
  followData,
  keptPicture,
  mapOf,
  mergeGaps,
  samplesPerPixel,
  shownRange,
  smallestSpan,
} from './drawn-trace.ts';
import type { EventFlag, EventMark } from './event-flags.ts';
import { paintFlags } from './event-mark.ts';
import { paintGaps } from './gap-hatch.ts';
import { paintOverloads } from './overload-mark.ts';
import type { PlotFrame } from './plot-frame.ts';
import { type PlotTheme, traceStyle } from './plot-theme.ts';
import type { PlotTrace } from './plot-trace.ts';
import type { YRange } from './round-range.ts';
import { type TimeAxis, type TimeTicks, timeTicks } from './time-ticks.ts';
import type { TimeRange } from './time-window.ts';
import { type KeptPicture, TraceLayer } from './trace-layer.ts';
import { tracePath } from './trace-path.ts';
import { TraceSpans } from './trace-spans.ts';
import { paintUnits } from './unit-mark.ts';
import { valueTicks } from './value-ticks.ts';

/** Everything a plot is drawn from, beside its traces. */
export interface PlotScene {
  range: TimeRange;
  time: TimeAxis;
  marks: readonly EventMark[];
  /** Grows when `marks` change. */
  marksRevision: number;
  /** Why something is missing between two times. */
  gapReason: (fromS: number, toS: number) => string | undefined;
  cursors: readonly { name: string; timeS: number }[];
  theme: PlotTheme;
  nowMs: number;
  /** Axes to leave room for on each side, so that plots over each other are in line. */
  sides: { left: number; right: number };
}

/** Above so many columns in view strokes cost more than pixels; below the second figure strokes come back. */
const LAYER_FROM = 1500;
const LAYER_UNTIL = 1000;
const LAYER_TRACES = 10;
/** Lines with more columns are dashed if their colour asks for it. */
const DASHED_FROM = 200;

/**
 * One plot: uPlot for axes, grid, hover line and a few sparse traces; the trace layer for many or dense ones. It paints when told to, in the
 * caller's frame, and reads its traces' columns without copying them.
 *
 *     const plot = new PlotCanvas(host, theme, 'bench');
 *     plot.setTraces(traces);
 *     plot.resize(800, 300);
 *     plot.paint(scene);         // → true if anything was painted
 */
export class PlotCanvas implements Disposable {
  readonly #host: HTMLElement;
  readonly #syncKey: string;
  readonly #layer = new TraceLayer();
  #theme: PlotTheme;
  #chart: uPlot | undefined;
  #axes: DrawnAxis[] = [];
  #traces: DrawnTrace[] = [];
  #scene: PlotScene | undefined;
  #size = { width: 0, height: 0 };
  #usesLayer = false;
  #painted = '';
  #timeTicks: TimeTicks = { values: [], labels: [] };
  #sides = { left: 1, right: 0 };
  #flags: readonly EventFlag[] = [];
  /** What of the layer's last picture holds in the frame being drawn. */
  #kept: KeptPicture | undefined;

  constructor(host: HTMLElement, theme: PlotTheme, syncKey: string) {
    this.#host = host;
    this.#theme = theme;
    this.#syncKey = syncKey;
  }

  /** The traces from now on; axes keep their range where the unit stays. */
  setTraces(traces: readonly PlotTrace[]): void {
    const kept = new Map(this.#axes.map((axis) => [axis.unit, axis]));
    this.#axes = layAxes(traces.map((trace) => trace.unit)).map((place) => {
      const old = kept.get(place.unit);
      return {
        ...place,
        calm: old?.calm ?? new CalmRange(),
        manual: old?.manual,
        smallest: smallestSpan(traces.filter((trace) => trace.unit === place.unit)),
        ticks: { values: [], labels: [], unit: '' },
      };
    });
    const spans = new Map(this.#traces.map((drawn) => [drawn.trace.id, drawn.spans]));
    this.#traces = traces.flatMap((trace) => {
      const axis = this.#axes.find((item) => item.unit === trace.unit);
      if (!axis) return [];
      return {
        trace,
        axis,
        spans: spans.get(trace.id) ?? new TraceSpans(),
        pieces: [],
        map: EMPTY_MAP,
        revision: -1,
        style: traceStyle(this.#theme, trace.color),
      };
    });
    this.#rebuild();
  }

  /** Flags as last painted; their x in device pixels. */
  get flags(): readonly EventFlag[] {
    return this.#flags;
  }

  setTheme(theme: PlotTheme): void {
    this.#theme = theme;
    for (const drawn of this.#traces) {
      drawn.style = traceStyle(theme, drawn.trace.color);
      drawn.revision = -1;
    }
    this.#rebuild();
  }

  /** Size of the whole canvas; CSS pixels. */
  resize(width: number, height: number): void {
    if (width === this.#size.width && height === this.#size.height) return;
    this.#size = { width, height };
    this.#chart?.setSize(this.#size);
    this.#painted = '';
  }

  /** Axes on each side. */
  get sides(): { left: number; right: number } {
    return countSides(this.#axes);
  }

  /** The plotting area within the host; CSS pixels. Zero before the first paint. */
  get area(): { left: number; top: number; width: number; height: number } {
    const chart = this.#chart;
    if (!chart) return { left: 0, top: 0, width: 0, height: 0 };
    const { left, top, width, height } = chart.bbox;
    const ratio = uPlot.pxRatio;
    return { left: left / ratio, top: top / ratio, width: width / ratio, height: height / ratio };
  }

  /** Largest number of samples one pixel column stands for, per trace; 1: every sample is drawn. */
  samplesPerPixel(id: string): number {
    const drawn = this.#traces.find((item) => item.trace.id === id);
    return drawn ? samplesPerPixel(drawn) : 1;
  }

  /** What one pixel column stands for at most, over all traces. */
  get mostSamplesPerPixel(): number {
    return Math.max(1, ...this.#traces.map((drawn) => samplesPerPixel(drawn)));
  }

  /** The axis under a point left or right of the plotting area; undefined inside it. */
  axisAt(x: number): { key: string; unit: string } | undefined {
    const area = this.area;
    const side = x < area.left ? 'left' : x > area.left + area.width ? 'right' : undefined;
    if (!side) return undefined;
    const onSide = this.#axes.slice(0, MOST_AXES).filter((axis) => axis.side === side);
    const distance = side === 'left' ? area.left - x : x - area.left - area.width;
    return onSide[Math.min(onSide.length - 1, Math.floor(distance / AXIS_WIDTH_PX))];
  }

  rangeOfAxis(key: string): YRange | undefined {
    const axis = this.#axes.find((item) => item.key === key);
    return axis?.manual ?? axis?.calm.range;
  }

  axisKeys(): string[] {
    return this.#axes.map((axis) => axis.key);
  }

  /** Sets an axis by hand; undefined: scales itself again. */
  setAxis(key: string, range: YRange | undefined): void {
    const axis = this.#axes.find((item) => item.key === key);
    if (!axis) return;
    axis.manual = range;
    if (!range) axis.calm.reset();
    this.#painted = '';
  }

  /** Ranges start anew with the next paint: the window became another one. */
  resetAxes(): void {
    for (const axis of this.#axes) axis.calm.reset();
  }

  /** Paints if anything differs from the last time. */
  paint(scene: PlotScene): boolean {
    if (this.#size.width < 160 || this.#size.height < 60) return false;
    if (scene.sides.left !== this.#sides.left || scene.sides.right !== this.#sides.right) {
      this.#sides = { ...scene.sides };
      this.#rebuild();
    }
    this.#chart ??= this.#build();
    const chart = this.#chart;
    const key = this.#keyOf(scene);
    if (key === this.#painted) return false;
    this.#painted = key;
    this.#scene = scene;
    const { range } = scene;
    for (const drawn of this.#traces) drawn.pieces = drawn.trace.source.pieces(range.fromS, range.toS);
    for (const axis of this.#axes) followData(axis, this.#traces, range, scene.nowMs);
    const { width, height } = this.area;
    this.#timeTicks = timeTicks(range.fromS, range.toS, width, scene.time);
    for (const axis of this.#axes) {
      const shown = shownRange(axis);
      axis.ticks = valueTicks(shown.low, shown.high, axis.unit, height);
    }
    chart.batch(() => {
      chart.setScale('x', { min: range.fromS, max: range.toS });
      for (const axis of this.#axes) {
        const shown = shownRange(axis);
        chart.setScale(axis.key, { min: shown.low, max: shown.high });
      }
    });
    return true;
  }

  [Symbol.dispose](): void {
    this.#chart?.destroy();
    this.#chart = undefined;
  }

  #keyOf(scene: PlotScene): string {
    const { range, time } = scene;
    let key = `${range.fromS} ${range.toS} ${time.style} ${time.zeroS} ${scene.marksRevision} ${uPlot.pxRatio}`;
    for (const cursor of scene.cursors) key += ` ${cursor.name}${cursor.timeS}`;
    for (const drawn of this.#traces) key += ` ${drawn.trace.source.revision}`;
    return key;
  }

  #rebuild(): void {
    this.#chart?.destroy();
    this.#chart = undefined;
    this.#painted = '';
  }

  #build(): uPlot {
    const options = chartOptions({
      size: this.#size,
      theme: this.#theme,
      syncKey: this.#syncKey,
      axes: this.#axes,
      timeTicks: () => this.#timeTicks,
      sides: this.#sides,
      series: this.#traces.map((drawn) => this.#series(drawn)),
      drawBelow: (chart) => this.#drawBelow(chart),
      drawAbove: (chart) => this.#drawAbove(chart),
    });
    return new uPlot(options, [[0, 1], ...this.#traces.map(() => [null, null])], this.#host);
  }

  /** Series carry no data: their paths come straight from the columns, each on its own time base. */
  #series(drawn: DrawnTrace): uPlot.Series {
    return {
      scale: drawn.axis.key,
      auto: false,
      stroke: drawn.style.css,
      width: drawn.style.widthPx,
      fill: drawn.style.css,
      points: { show: false },
      pxAlign: 0,
      paths: (self) => {
        if (this.#usesLayer) return null;
        const { left, top } = self.bbox;
        const path = tracePath(drawn.pieces, drawn.map, { left, top }, 2.2 * uPlot.pxRatio);
        return { stroke: path.line, fill: path.dots ?? null, clip: null, flags: 1 };
      },
    };
  }

  #frame(self: uPlot, scene: PlotScene): PlotFrame {
    const { left, top, width, height } = self.bbox;
    const secondsPerPx = (scene.range.toS - scene.range.fromS) / width;
    const { fromS } = scene.range;
    const fromPx = wholeIfNear(fromS / secondsPerPx);
    return { left, top, width, height, ratio: uPlot.pxRatio, fromS, fromPx, secondsPerPx };
  }

  /** After the axes, before the series: spans of all traces, gaps below everything. */
  #drawBelow(self: uPlot): void {
    const scene = this.#scene;
    if (!scene) return;
    const frame = this.#frame(self, scene);
    let columns = 0;
    let dense = false;
    const kept = keptPicture(this.#traces, frame);
    for (const drawn of this.#traces) {
      drawn.map = mapOf(drawn, frame);
      drawn.revision = drawn.trace.source.revision;
      if (kept) drawn.spans.advance(drawn.pieces, drawn.map, kept.shiftPx, kept.fromPx);
      else drawn.spans.project(drawn.pieces, drawn.map);
      dense ||= drawn.spans.decimated;
      let own = 0;
      for (const piece of drawn.pieces) own += piece.end - piece.start;
      columns += own;
      // The layer dashes without holes; a few samples have dots instead.
      dense ||= drawn.style.dash.length > 0 && own > DASHED_FROM;
    }
    const most = this.#usesLayer ? LAYER_UNTIL : LAYER_FROM;
    const wasLayer = this.#usesLayer;
    this.#usesLayer = dense || columns > most || this.#traces.length >= LAYER_TRACES;
    this.#kept = wasLayer ? kept : undefined;
    paintGaps(self.ctx, frame, mergeGaps(this.#traces), scene.gapReason, this.#theme);
  }

  #drawAbove(self: uPlot): void {
    const scene = this.#scene;
    if (!scene) return;
    const frame = this.#frame(self, scene);
    const context = self.ctx;
    if (this.#usesLayer) {
      // Dashes are counted from second 0, so that they travel with the data.
      const dashFromPx = Math.round(frame.fromPx);
      this.#layer.paint(
        frame.width,
        frame.height,
        this.#traces.map(({ spans, style }) => ({
          spans,
          envelope: style.envelope,
          line: {
            color: style.color,
            widthPx: style.widthPx * frame.ratio,
            dash: style.dash.map((length) => length * frame.ratio),
            dashFromPx,
          },
        })),
        this.#kept,
      );
      this.#layer.drawOn(context, frame.left, frame.top);
    }
    context.save();
    let row = 0;
    for (const { spans, style } of this.#traces) {
      if (spans.hasOverload) paintOverloads(context, frame, spans, style.css, this.#theme, row++);
    }
    this.#flags = paintFlags(context, frame, scene.marks, this.#theme);
    paintUnits(context, frame, this.#axes.slice(0, MOST_AXES), AXIS_WIDTH_PX, this.#theme);
    paintCursors(context, frame, scene.cursors, this.#theme);
    context.restore();
  }
}

/** A running window stands on whole pixels but for rounding. */
function wholeIfNear(value: number): number {
  const whole = Math.round(value);
  return Math.abs(value - whole) < 1e-3 ? whole : value;
}
