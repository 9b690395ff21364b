import { type EventFlag, type EventMark, placeFlags } from './event-flags.ts';
import type { PlotTheme } from './plot-theme.ts';
import { overloadRuns, type TraceSpans } from './trace-spans.ts';

/** The plotting area on its canvas, in device pixels, and the scale of x. */
export interface PlotFrame {
  left: number;
  top: number;
  width: number;
  height: number;
  ratio: number;
  fromS: number;
  /** Left edge in pixels from second 0. */
  fromPx: number;
  secondsPerPx: number;
}

/** A stretch in which something is missing. */
export interface GapSpan {
  from: number;
  to: number;
}

const hatches = new WeakMap<CanvasRenderingContext2D, { key: string; pattern: CanvasPattern | null }>();

/** Hatches the gaps and says why, where there is room. */
export function paintGaps(
  context: CanvasRenderingContext2D,
  frame: PlotFrame,
  gaps: readonly GapSpan[],
  reasonOf: (fromS: number, toS: number) => string | undefined,
  theme: PlotTheme,
): void {
  if (gaps.length === 0) return;
  context.save();
  context.beginPath();
  context.rect(frame.left, frame.top, frame.width, frame.height);
  context.clip();
  context.fillStyle = hatch(context, theme, frame.ratio);
  for (const gap of gaps) {
    const width = Math.max(2 * frame.ratio, gap.to - gap.from);
    context.fillRect(frame.left + gap.from, frame.top, width, frame.height);
  }
  context.fillStyle = theme.text;
  context.font = font(theme, frame.ratio);
  context.textAlign = 'center';
  context.textBaseline = 'alphabetic';
  let free = Number.NEGATIVE_INFINITY;
  for (const gap of gaps) {
    const middle = frame.left + (gap.from + gap.to) / 2;
    const text = gapText(gap, frame, reasonOf);
    const half = context.measureText(text).width / 2;
    if (middle - half < free || gap.to - gap.from < 6 * frame.ratio) continue;
    const at = Math.min(Math.max(middle, frame.left + half + 4), frame.left + frame.width - half - 4);
    context.fillText(text, at, frame.top + frame.height - 7 * frame.ratio);
    free = at + half + 8 * frame.ratio;
  }
  context.restore();
}

/** `gap 2.1 s · reconnect` */
function gapText(gap: GapSpan, frame: PlotFrame, reasonOf: (fromS: number, toS: number) => string | undefined): string {
  const fromS = frame.fromS + gap.from * frame.secondsPerPx;
  const toS = frame.fromS + gap.to * frame.secondsPerPx;
  const seconds = toS - fromS;
  const length =
    seconds < 1
      ? `${Math.round(seconds * 1000)} ms`
      : seconds < 120
        ? `${seconds.toFixed(1)} s`
        : `${Math.round(seconds / 60)} min`;
  const reason = reasonOf(fromS, toS);
  return reason ? `gap ${length} · ${reason}` : `gap ${length}`;
}

function hatch(context: CanvasRenderingContext2D, theme: PlotTheme, ratio: number): CanvasPattern | string {
  const key = `${theme.hatch} ${ratio}`;
  const kept = hatches.get(context);
  if (kept?.key === key) return kept.pattern ?? theme.hatch;
  const size = Math.round(7 * ratio);
  const tile = new OffscreenCanvas(size, size);
  const brush = tile.getContext('2d');
  if (brush) {
    brush.strokeStyle = theme.hatch;
    brush.globalAlpha = 0.75;
    brush.lineWidth = 1.2 * ratio;
    brush.beginPath();
    // Three strokes, so that the pattern joins at its edges.
    for (const shift of [-size, 0, size]) {
      brush.moveTo(shift - 2, size + 2);
      brush.lineTo(shift + size + 2, -2);
    }
    brush.stroke();
  }
  const pattern = context.createPattern(tile, 'repeat');
  hatches.set(context, { key, pattern });
  return pattern ?? theme.hatch;
}

/** Bars and the letters OL at the edge of the plotting area where samples are overloaded. */
export function paintOverloads(
  context: CanvasRenderingContext2D,
  frame: PlotFrame,
  spans: TraceSpans,
  color: string,
  theme: PlotTheme,
  row: number,
): void {
  if (!spans.hasOverload) return;
  const height = 4 * frame.ratio;
  context.font = font(theme, frame.ratio, 600);
  context.textAlign = 'left';
  context.textBaseline = 'top';
  for (const side of ['above', 'below'] as const) {
    const y =
      side === 'above' ? frame.top + row * (height + 1) : frame.top + frame.height - height - row * (height + 1);
    let free = Number.NEGATIVE_INFINITY;
    for (const [from, to] of overloadRuns(spans, side)) {
      context.fillStyle = color;
      context.fillRect(frame.left + from, y, Math.max(3 * frame.ratio, to - from), height);
      if (from < free) continue;
      context.fillText('OL', frame.left + from, side === 'above' ? y + height + 2 : y - 14 * frame.ratio);
      free = Math.max(to, from + 24 * frame.ratio);
    }
  }
}

/** Flags of the events on the time axis. */
export function paintFlags(
  context: CanvasRenderingContext2D,
  frame: PlotFrame,
  marks: readonly EventMark[],
  theme: PlotTheme,
): EventFlag[] {
  const { left, top, height, ratio } = frame;
  context.font = font(theme, ratio);
  const pad = 15 * ratio;
  const flags = placeFlags(
    marks,
    frame.fromS,
    frame.secondsPerPx,
    frame.width,
    (text) => context.measureText(text).width + pad,
  );
  if (flags.length === 0) return flags;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.lineWidth = ratio;
  context.setLineDash([2 * ratio, 3 * ratio]);
  for (const flag of flags) {
    context.strokeStyle = toneOf(flag.mark, theme);
    const x = left + Math.round(flag.x) + 0.5 * ratio;
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, top + height);
    context.stroke();
  }
  context.setLineDash([]);
  for (const flag of flags) {
    const x = left + Math.round(flag.x);
    context.fillStyle = toneOf(flag.mark, theme);
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x + 9 * ratio, top);
    context.lineTo(x + 6 * ratio, top + 4 * ratio);
    context.lineTo(x + 9 * ratio, top + 8 * ratio);
    context.lineTo(x, top + 8 * ratio);
    context.fill();
    if (flag.row === undefined) continue;
    context.fillStyle = theme.text;
    context.fillText(flag.mark.text, x + (flag.row === 0 ? 12 : 4) * ratio, top + (5 + flag.row * 13) * ratio);
  }
  return flags;
}

function toneOf(mark: EventMark, theme: PlotTheme): string {
  if (mark.kind === 'alarm')
    return mark.severity === 'info' ? theme.info : mark.severity === 'warning' ? theme.warn : theme.bad;
  if (mark.kind === 'outputs-off' || mark.kind === 'interrupted') return theme.bad;
  if (mark.kind === 'reconnect' || mark.kind === 'clock') return theme.warn;
  return mark.kind === 'setpoint' || mark.kind === 'note' ? theme.accent : theme.quiet;
}

/** The lines of cursors A and B with their letters below the plotting area. */
export function paintCursors(
  context: CanvasRenderingContext2D,
  frame: PlotFrame,
  cursors: readonly { name: string; timeS: number }[],
  theme: PlotTheme,
): void {
  const { left, top, height, width, ratio } = frame;
  for (const cursor of cursors) {
    const x = Math.round((cursor.timeS - frame.fromS) / frame.secondsPerPx);
    if (x < 0 || x >= width) continue;
    context.fillStyle = theme.cursor;
    context.fillRect(left + x, top, Math.max(1, Math.round(ratio)), height);
    context.beginPath();
    context.roundRect(left + x - 8 * ratio, top + height, 16 * ratio, 15 * ratio, 3 * ratio);
    context.fill();
    context.fillStyle = theme.background;
    context.font = `700 ${10 * ratio}px ${theme.fontNum}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(cursor.name, left + x + ratio / 2, top + height + 8 * ratio);
  }
}

/** The font of ticks and words on the canvas. */
export function font(theme: PlotTheme, ratio: number, weight = 400): string {
  return `${weight} ${10.5 * ratio}px ${theme.fontNum}`;
}
