import { type EventFlag, type EventMark, flagTone, flagWords, placeFlags } from './event-flags.ts';
import { font, type PlotFrame } from './plot-frame.ts';
import type { PlotTheme } from './plot-theme.ts';

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
    context.strokeStyle = theme[flagTone(flag.mark)];
    const x = left + Math.round(flag.x) + 0.5 * ratio;
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, top + height);
    context.stroke();
  }
  context.setLineDash([]);
  for (const flag of flags) {
    const x = left + Math.round(flag.x);
    context.fillStyle = theme[flagTone(flag.mark)];
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x + 9 * ratio, top);
    context.lineTo(x + 6 * ratio, top + 4 * ratio);
    context.lineTo(x + 9 * ratio, top + 8 * ratio);
    context.lineTo(x, top + 8 * ratio);
    context.fill();
    if (flag.row === undefined) continue;
    const words = flagWords(flag.mark);
    const textX = x + (flag.row === 0 ? 12 : 4) * ratio;
    const textY = top + (5 + flag.row * 13) * ratio;
    // Words stay readable over traces.
    context.globalAlpha = 0.55;
    context.fillStyle = theme.background;
    context.fillRect(textX - 2 * ratio, textY - 6 * ratio, context.measureText(words).width + 4 * ratio, 12 * ratio);
    context.globalAlpha = 1;
    context.fillStyle = theme.text;
    context.fillText(words, textX, textY);
  }
  return flags;
}
