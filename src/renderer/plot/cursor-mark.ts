import type { PlotFrame } from './plot-frame.ts';
import type { PlotTheme } from './plot-theme.ts';

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
