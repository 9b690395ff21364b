import { font, type PlotFrame } from './plot-frame.ts';
import type { PlotTheme } from './plot-theme.ts';

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
