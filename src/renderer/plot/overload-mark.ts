import { font, type PlotFrame } from './plot-frame.ts';
import type { PlotTheme } from './plot-theme.ts';
import { overloadRuns, type TraceSpans } from './trace-spans.ts';

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
