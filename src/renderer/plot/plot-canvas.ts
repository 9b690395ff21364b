import uPlot from 'uplot';
import { type AxisPlace, countSides, layAxes, MOST_AXES } from './axis-layout.ts';
import type { EventMark } from './event-flags.ts';
import {
  font,
  type GapSpan,
  type PlotFrame,
  paintCursors,
  paintFlags,
  paintGaps,
  paintOverloads,
} from './plot-overlay.ts';
import { type PlotTheme, type TraceStyle, traceStyle } from './plot-theme.ts';
import type { PlotTrace } from './plot-trace.ts';
import { type TimeAxis, timeTicks } from './time-ticks.ts';
import type { TimeRange } from './time-window.ts';
import { extentOf, type TraceColumns } from './trace-columns.ts';
import { type KeptPicture, TraceLayer } from './trace-layer.ts';
import { tracePath } from './trace-path.ts';
import { type PixelMap, TraceSpans } from './trace-spans.ts';
import { valueTicks } from './value-ticks.ts';
import { CalmRange, type YRange } from './y-range.ts';

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

/** A trace with what the plot keeps for it. */
interface DrawnTrace {
  trace: PlotTrace;
  axis: DrawnAxis;
  spans: TraceSpans;
  pieces: readonly TraceColumns[];
  map: PixelMap;
  /** Revision of the source the spans show. */
  revision: number;
  style: TraceStyle;
}

interface DrawnAxis extends AxisPlace {
  calm: CalmRange;
  /** Set by hand: stays until reset. */
  manual: YRange | undefined;
  smallest: number;
  ticks: { values: number[]; labels: string[]; unit: string };
}

/** Above so many columns in view strokes cost more than pixels; below the second figure strokes come back. */
const LAYER_FROM = 1500;
const LAYER_UNTIL = 1000;
const LAYER_TRACES = 10;
/** Lines with more columns are dashed if their colour asks for it. */
const DASHED_FROM = 200;

export const AXIS_WIDTH_PX = 56;
export const TIME_AXIS_PX = 24;
const EDGE_PX = 22;
const TOP_PX = 22;

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
  #timeTicks: { values: number[]; labels: string[] } = { values: [], labels: [] };
  #sides = { left: 1, right: 0 };
  #gaps: GapSpan[] = [];
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
    if (!drawn?.spans.decimated) return 1;
    const columns = drawn.pieces.find((piece) => piece.rows > 1);
    if (!columns || columns.spanS === 0) return drawn.spans.rowsPerColumn;
    return Math.max(1, Math.round((columns.rows * drawn.map.secondsPerPx) / columns.spanS));
  }

  /** What one pixel column stands for at most, over all traces. */
  get mostSamplesPerPixel(): number {
    return Math.max(1, ...this.#traces.map((drawn) => this.samplesPerPixel(drawn.trace.id)));
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

  get hasManualAxis(): boolean {
    return this.#axes.some((axis) => axis.manual !== undefined);
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
    for (const axis of this.#axes) this.#scale(axis, scene);
    const { width, height } = this.area;
    this.#timeTicks = timeTicks(range.fromS, range.toS, width, scene.time);
    for (const axis of this.#axes) {
      const shown = axis.manual ?? axis.calm.range ?? EMPTY_RANGE;
      axis.ticks = valueTicks(shown.low, shown.high, axis.unit, height);
    }
    chart.batch(() => {
      chart.setScale('x', { min: range.fromS, max: range.toS });
      for (const axis of this.#axes) {
        const shown = axis.manual ?? axis.calm.range ?? EMPTY_RANGE;
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

  #scale(axis: DrawnAxis, scene: PlotScene): void {
    if (axis.manual) return;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const { trace, pieces, axis: own } of this.#traces) {
      if (own !== axis) continue;
      const found = extentOf(pieces, scene.range.fromS, scene.range.toS);
      if (!(found.high >= found.low)) continue;
      const a = trace.gain * found.low + trace.offset;
      const b = trace.gain * found.high + trace.offset;
      low = Math.min(low, a, b);
      high = Math.max(high, a, b);
    }
    axis.calm.update(low, high, axis.smallest, scene.nowMs);
  }

  #rebuild(): void {
    this.#chart?.destroy();
    this.#chart = undefined;
    this.#painted = '';
  }

  #build(): uPlot {
    const { grid, label } = this.#theme;
    const axisFont = font(this.#theme, 1);
    const shown = this.#axes.slice(0, MOST_AXES);
    const missing = countSides(this.#axes);
    const chart = new uPlot(
      {
        width: this.#size.width,
        height: this.#size.height,
        legend: { show: false },
        // uPlot's own dragging and double click are off: plot-input.ts moves all linked plots together.
        cursor: {
          drag: { x: false, y: false, setScale: false },
          points: { show: false },
          y: false,
          sync: { key: this.#syncKey, setSeries: false },
          bind: { mousedown: nothing, mouseup: nothing, click: nothing, dblclick: nothing },
        },
        select: { show: false, left: 0, top: 0, width: 0, height: 0 },
        padding: [
          TOP_PX,
          EDGE_PX + (this.#sides.right - missing.right) * AXIS_WIDTH_PX,
          0,
          Math.max(0, this.#sides.left - missing.left) * AXIS_WIDTH_PX + (this.#sides.left === 0 ? EDGE_PX : 0),
        ],
        scales: {
          x: { time: false, auto: false, min: 0, max: 1 },
          ...Object.fromEntries(this.#axes.map((axis) => [axis.key, { auto: false, min: 0, max: 1 }])),
        },
        axes: [
          {
            scale: 'x',
            size: TIME_AXIS_PX,
            gap: 6,
            font: axisFont,
            stroke: label,
            grid: { stroke: grid, width: 1 },
            ticks: { show: false },
            splits: () => this.#timeTicks.values,
            values: () => this.#timeTicks.labels,
          },
          ...shown.map(
            (axis, index): uPlot.Axis => ({
              scale: axis.key,
              side: axis.side === 'left' ? 3 : 1,
              size: AXIS_WIDTH_PX,
              gap: 7,
              font: axisFont,
              stroke: label,
              grid: { show: index === 0, stroke: grid, width: 1 },
              ticks: { show: false },
              splits: () => axis.ticks.values,
              values: () => axis.ticks.labels,
            }),
          ),
        ],
        series: [{}, ...this.#traces.map((drawn) => this.#series(drawn))],
        hooks: { drawAxes: [(self) => this.#drawBelow(self)], draw: [(self) => this.#drawAbove(self)] },
      },
      [[0, 1], ...this.#traces.map(() => [null, null])],
      this.#host,
    );
    return chart;
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

  /** What holds of the last frame: all that lies before the earliest change, if the window has only moved by whole pixels. */
  #keptPicture(frame: PlotFrame): KeptPicture | undefined {
    let shiftPx = -1;
    let changedS = Number.POSITIVE_INFINITY;
    for (const drawn of this.#traces) {
      const before = drawn.map;
      const now = mapOf(drawn, frame);
      shiftPx = now.fromPx - before.fromPx;
      const isMoved =
        before.widthPx === now.widthPx &&
        before.heightPx === now.heightPx &&
        isNear(before.secondsPerPx, now.secondsPerPx);
      const isSameY = before.yGain === now.yGain && before.yOffset === now.yOffset;
      if (drawn.revision < 0 || !isMoved || !isSameY) return undefined;
      if (!(Number.isInteger(shiftPx) && shiftPx >= 0 && shiftPx < now.widthPx / 2)) return undefined;
      changedS = Math.min(changedS, drawn.trace.source.changedFromS(drawn.revision));
    }
    if (shiftPx < 0) return undefined;
    // Two pixels more on each seam: a line leans on its neighbours.
    const changedPx = Math.floor(changedS / frame.secondsPerPx - frame.fromPx) - 2;
    const fromPx = Math.max(0, Math.min(frame.width - shiftPx - 2, changedPx));
    return fromPx > frame.width / 8 ? { shiftPx, fromPx } : undefined;
  }

  /** After the axes, before the series: spans of all traces, gaps below everything. */
  #drawBelow(self: uPlot): void {
    const scene = this.#scene;
    if (!scene) return;
    const frame = this.#frame(self, scene);
    let columns = 0;
    let dense = false;
    const kept = this.#keptPicture(frame);
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
    this.#gaps = mergeGaps(this.#traces.map((drawn) => drawn.spans.gaps));
    paintGaps(self.ctx, frame, this.#gaps, scene.gapReason, this.#theme);
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
    paintFlags(context, frame, scene.marks, this.#theme);
    this.#drawUnits(context, frame);
    paintCursors(context, frame, scene.cursors, this.#theme);
    context.restore();
  }

  /** The unit once at the head of each axis. */
  #drawUnits(context: CanvasRenderingContext2D, frame: PlotFrame): void {
    context.font = font(this.#theme, frame.ratio, 600);
    context.fillStyle = this.#theme.text;
    context.textBaseline = 'alphabetic';
    const counts = { left: 0, right: 0 };
    for (const axis of this.#axes.slice(0, MOST_AXES)) {
      const outwards = counts[axis.side]++ * AXIS_WIDTH_PX * frame.ratio + 7 * frame.ratio;
      const x = axis.side === 'left' ? frame.left - outwards : frame.left + frame.width + outwards;
      context.textAlign = axis.side === 'left' ? 'right' : 'left';
      context.fillText(axis.ticks.unit, x, frame.top - 11 * frame.ratio);
    }
  }
}

const EMPTY_RANGE: YRange = { low: 0, high: 1 };
const EMPTY_MAP: PixelMap = { widthPx: 0, heightPx: 0, fromPx: 0, secondsPerPx: 1, yGain: 0, yOffset: 0 };

/** A listener factory that binds nothing. */
function nothing(): null {
  return null;
}

/** A running window stands on whole pixels but for rounding. */
function wholeIfNear(value: number): number {
  const whole = Math.round(value);
  return Math.abs(value - whole) < 1e-3 ? whole : value;
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.abs(a);
}

/** Pixels of a trace: its axis and its channel's scale in one multiplication. */
function mapOf({ trace, axis }: DrawnTrace, frame: PlotFrame): PixelMap {
  const { low, high } = axis.manual ?? axis.calm.range ?? EMPTY_RANGE;
  const perUnit = frame.height / (high - low);
  return {
    widthPx: frame.width,
    heightPx: frame.height,
    fromPx: frame.fromPx,
    secondsPerPx: frame.secondsPerPx,
    yGain: -trace.gain * perUnit,
    yOffset: (high - trace.offset) * perUnit,
  };
}

/** An axis never shows less than a few steps of its coarsest instrument. */
function smallestSpan(traces: readonly PlotTrace[]): number {
  return Math.max(0, ...traces.map((trace) => (trace.resolution ?? 0) * 10));
}

/** Gaps of all traces, each place once. */
function mergeGaps(lists: readonly (readonly [number, number])[][]): GapSpan[] {
  const all = lists.flat().sort((a, b) => a[0] - b[0]);
  const merged: GapSpan[] = [];
  for (const [from, to] of all) {
    const last = merged[merged.length - 1];
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}
