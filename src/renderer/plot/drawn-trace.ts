import type { AxisPlace } from './axis-layout.ts';
import type { CalmRange } from './calm-range.ts';
import type { GapSpan } from './gap-hatch.ts';
import type { PlotFrame } from './plot-frame.ts';
import type { TraceStyle } from './plot-theme.ts';
import type { PlotTrace } from './plot-trace.ts';
import type { YRange } from './round-range.ts';
import type { TimeRange } from './time-window.ts';
import { extentOf, type TraceColumns } from './trace-columns.ts';
import type { KeptPicture } from './trace-layer.ts';
import type { PixelMap, TraceSpans } from './trace-spans.ts';
import type { ValueTicks } from './value-ticks.ts';

/** A y axis with what the plot keeps for it. */
export interface DrawnAxis extends AxisPlace {
  calm: CalmRange;
  /** Set by hand: stays until reset. */
  manual: YRange | undefined;
  /** Span never gone below; in the unit. */
  smallest: number;
  ticks: ValueTicks;
}

/** A trace with what the plot keeps for it. */
export interface DrawnTrace {
  trace: PlotTrace;
  axis: DrawnAxis;
  spans: TraceSpans;
  /** Borrowed from the source for this frame. */
  pieces: readonly TraceColumns[];
  map: PixelMap;
  /** Revision of the source that the spans show; −1: none. */
  revision: number;
  style: TraceStyle;
}

const EMPTY_RANGE: YRange = { low: 0, high: 1 };
export const EMPTY_MAP: PixelMap = { widthPx: 0, heightPx: 0, fromPx: 0, secondsPerPx: 1, yGain: 0, yOffset: 0 };

/** What an axis shows now. */
export function shownRange(axis: DrawnAxis): YRange {
  return axis.manual ?? axis.calm.range ?? EMPTY_RANGE;
}

/** Lets an axis follow the samples in view, unless it is set by hand. */
export function followData(axis: DrawnAxis, traces: readonly DrawnTrace[], range: TimeRange, nowMs: number): void {
  if (axis.manual) return;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const { trace, pieces, axis: own } of traces) {
    if (own !== axis) continue;
    const found = extentOf(pieces, range.fromS, range.toS);
    if (!(found.high >= found.low)) continue;
    const a = trace.gain * found.low + trace.offset;
    const b = trace.gain * found.high + trace.offset;
    low = Math.min(low, a, b);
    high = Math.max(high, a, b);
  }
  axis.calm.update(low, high, axis.smallest, nowMs);
}

/** Pixels of a trace: its axis and its channel's scale in one multiplication. */
export function mapOf({ trace, axis }: DrawnTrace, frame: PlotFrame): PixelMap {
  const { low, high } = shownRange(axis);
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

/**
 * What holds of the last frame: all that lies before the earliest change, if the window has only moved on by whole pixels. Undefined: nothing,
 * or too little to be worth it.
 */
export function keptPicture(traces: readonly DrawnTrace[], frame: PlotFrame): KeptPicture | undefined {
  let shiftPx = -1;
  let changedS = Number.POSITIVE_INFINITY;
  for (const drawn of traces) {
    const now = mapOf(drawn, frame);
    shiftPx = now.fromPx - drawn.map.fromPx;
    if (drawn.revision < 0 || !isSamePlane(drawn.map, now)) return undefined;
    if (!(Number.isInteger(shiftPx) && shiftPx >= 0 && shiftPx < now.widthPx / 2)) return undefined;
    changedS = Math.min(changedS, drawn.trace.source.changedFromS(drawn.revision));
  }
  if (shiftPx < 0) return undefined;
  // Two pixels more on each seam: a line leans on its neighbours.
  const changedPx = Math.floor(changedS / frame.secondsPerPx - frame.fromPx) - 2;
  const fromPx = Math.max(0, Math.min(frame.width - shiftPx - 2, changedPx));
  return fromPx > frame.width / 8 ? { shiftPx, fromPx } : undefined;
}

function isSamePlane(a: PixelMap, b: PixelMap): boolean {
  const isSameSize = a.widthPx === b.widthPx && a.heightPx === b.heightPx;
  const isSameTime = Math.abs(a.secondsPerPx - b.secondsPerPx) <= 1e-9 * b.secondsPerPx;
  return isSameSize && isSameTime && a.yGain === b.yGain && a.yOffset === b.yOffset;
}

/** Samples one pixel column stands for; 1: every sample is drawn. */
export function samplesPerPixel({ spans, pieces, map }: DrawnTrace): number {
  if (!spans.decimated) return 1;
  const columns = pieces.find((piece) => piece.rows > 1);
  if (!columns || columns.spanS === 0) return spans.rowsPerColumn;
  return Math.max(1, Math.round((columns.rows * map.secondsPerPx) / columns.spanS));
}

/** An axis never shows less than a few steps of its coarsest instrument. */
export function smallestSpan(traces: readonly PlotTrace[]): number {
  return Math.max(0, ...traces.map((trace) => (trace.resolution ?? 0) * 10));
}

/** Gaps of all traces, each place once. */
export function mergeGaps(traces: readonly DrawnTrace[]): GapSpan[] {
  const all = traces.flatMap((drawn) => drawn.spans.gaps).sort((a, b) => a[0] - b[0]);
  const merged: GapSpan[] = [];
  for (const [from, to] of all) {
    const last = merged[merged.length - 1];
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}
