import { font, type PlotFrame } from './plot-frame.ts';
import type { PlotTheme } from './plot-theme.ts';

/** The unit of each axis, once at its head. */
export function paintUnits(
  context: CanvasRenderingContext2D,
  frame: PlotFrame,
  axes: readonly { side: 'left' | 'right'; ticks: { unit: string } }[],
  axisWidthPx: number,
  theme: PlotTheme,
): void {
  context.font = font(theme, frame.ratio, 600);
  context.fillStyle = theme.text;
  context.textBaseline = 'alphabetic';
  const counts = { left: 0, right: 0 };
  for (const { side, ticks } of axes) {
    const outwards = (counts[side]++ * axisWidthPx + 7) * frame.ratio;
    context.textAlign = side === 'left' ? 'right' : 'left';
    const x = side === 'left' ? frame.left - outwards : frame.left + frame.width + outwards;
    context.fillText(ticks.unit, x, frame.top - 11 * frame.ratio);
  }
}
