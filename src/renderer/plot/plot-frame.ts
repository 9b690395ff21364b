import type { PlotTheme } from './plot-theme.ts';

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

/** The font of ticks and words on the canvas. */
export function font(theme: PlotTheme, ratio: number, weight = 400): string {
  return `${weight} ${10.5 * ratio}px ${theme.fontNum}`;
}
