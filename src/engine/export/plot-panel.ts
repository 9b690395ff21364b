import { COLUMN_FLAG } from '../../core/extent.ts';
import { layLegend } from './plot-legend.ts';
import type { PlotTheme } from './plot-theme.ts';
import { roundLimits, valueTicks } from './plot-ticks.ts';
import type { PlotTrace } from './plot-trace.ts';

/** A line of a panel: traces of one channel in one colour. */
export interface PlotLine {
  label: string;
  color: string;
  /** From the ninth channel on: the colour comes again, dashed. */
  isDashed: boolean;
  traces: PlotTrace[];
}

/** The channels of one unit over the time of the picture; px and s since the left edge. */
export interface PlotPanel {
  unit: string;
  lines: PlotLine[];
  left: number;
  top: number;
  width: number;
  height: number;
  spanS: number;
  /** Of the time axis. */
  ticksS: number[];
  /** Stretches where rows are missing. */
  gaps: { fromS: number; toS: number }[];
}

const TICK_PX = 46;
const LEGEND_PX = 18;

/** How many lines the legend takes at a width. */
export function legendRows(lines: readonly PlotLine[], width: number): number {
  return layLegend(lines, width).at(-1)?.row ?? 0;
}

/** A panel as SVG: frame, grid, gaps, traces, marks of overload, legend above. `clip`: id of its clip path. */
export function drawPanel(panel: PlotPanel, theme: PlotTheme, clip: string): string {
  const { left, top, width, height, lines, spanS } = panel;
  const { low, high } = limitsOf(lines);
  const y = (value: number): number => top + height - ((value - low) / (high - low)) * height;
  const x = (timeS: number): number => left + (spanS > 0 ? timeS / spanS : 0.5) * width;
  const ticks = valueTicks(low, high, panel.unit, height / TICK_PX);
  const out: string[] = [];
  out.push(`<clipPath id="${clip}"><rect x="${left}" y="${top}" width="${width}" height="${height}"/></clipPath>`);
  out.push(`<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="${theme.panel}"/>`);
  for (const { fromS, toS } of panel.gaps) {
    const from = x(Math.max(0, fromS));
    const to = Math.max(from + 1, x(Math.min(spanS, toS)));
    out.push(`<rect x="${px(from)}" y="${top}" width="${px(to - from)}" height="${height}" fill="url(#gap)"/>`);
  }
  for (const timeS of panel.ticksS) {
    out.push(`<path d="M${px(x(timeS))} ${px(top)}v${px(height)}" stroke="${theme.grid}"/>`);
  }
  for (const [index, value] of ticks.values.entries()) {
    const at = px(y(value));
    out.push(`<path d="M${left} ${at}H${left + width}" stroke="${theme.grid}"/>`);
    out.push(text(left - 8, Number(at) + 4, ticks.labels[index] ?? '', theme.quiet, 'end'));
  }
  out.push(text(left - 8, top - 10, ticks.unit, theme.quiet, 'end'));
  for (const line of lines) {
    const dash = line.isDashed ? ' stroke-dasharray="6 3"' : '';
    const style = `fill="none" stroke="${line.color}" stroke-width="1.2" stroke-linejoin="round"${dash}`;
    for (const trace of line.traces) {
      const { path, dots } = tracePath(trace, x, y);
      if (path !== '') out.push(`<path clip-path="url(#${clip})" ${style} d="${path}"/>`);
      if (dots !== '') out.push(`<path stroke="${line.color}" stroke-width="4" stroke-linecap="round" d="${dots}"/>`);
      const marks = overloadMarks(trace, x);
      if (marks.length === 0) continue;
      const d = marks.map((at) => `M${px(at)} ${top}v6`).join('');
      out.push(`<path stroke="${theme.overload}" stroke-width="2" d="${d}"/>`);
      out.push(text(marks[0] ?? left, top + 17, 'OL', theme.overload, 'start'));
    }
  }
  out.push(`<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="none" stroke="${theme.frame}"/>`);
  for (const { line, label, at, row } of layLegend(lines, width)) {
    const base = top - 8 - (legendRows(lines, width) - row) * LEGEND_PX;
    const dash = line.isDashed ? ' stroke-dasharray="6 3"' : '';
    out.push(`<path d="M${px(left + at)} ${base - 4}h16" stroke="${line.color}" stroke-width="2.4"${dash}/>`);
    out.push(text(left + at + 22, base, label, theme.text, 'start'));
  }
  return out.join('\n');
}

function limitsOf(lines: readonly PlotLine[]): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const { traces } of lines) {
    for (const { min, max } of traces) {
      for (const value of min) if (value < low) low = value;
      for (const value of max) if (value > high) high = value;
    }
  }
  return low <= high ? roundLimits(low, high) : { low: 0, high: 1 };
}

/** A line through the samples, or up and down between the extremes; it ends where a value is missing or rows are. A sample alone is a dot. */
function tracePath(
  { timesS, min, max, flags }: PlotTrace,
  x: (timeS: number) => number,
  y: (value: number) => number,
): { path: string; dots: string } {
  let path = '';
  let dots = '';
  let isDown = false;
  const isLast = (at: number): boolean =>
    at + 1 >= timesS.length || Number.isNaN(min[at + 1]) || ((flags[at + 1] as number) & COLUMN_FLAG.gap) !== 0;
  for (let at = 0; at < timesS.length; at++) {
    const low = min[at] as number;
    const high = max[at] as number;
    if (Number.isNaN(low)) {
      isDown = false;
      continue;
    }
    const isApart = !isDown || ((flags[at] as number) & COLUMN_FLAG.gap) !== 0;
    const where = px(x(timesS[at] as number));
    if (high === low && isApart && isLast(at)) dots += `M${where} ${px(y(low))}h0.01`;
    else path += `${isApart ? 'M' : 'L'}${where} ${px(y(low))}`;
    if (high !== low) path += `L${where} ${px(y(high))}`;
    isDown = true;
  }
  return { path, dots };
}

function overloadMarks({ timesS, flags }: PlotTrace, x: (timeS: number) => number): number[] {
  const marks: number[] = [];
  for (let at = 0; at < timesS.length; at++) {
    if (((flags[at] as number) & COLUMN_FLAG.overload) !== 0) marks.push(x(timesS[at] as number));
  }
  return marks;
}

/** A number of px with at most two decimals. */
export function px(value: number): string {
  return String(Math.round(value * 100) / 100);
}

export function text(x: number, y: number, content: string, fill: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${px(x)}" y="${px(y)}" fill="${fill}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

export function escapeXml(content: string): string {
  return (
    content
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML has no place for them.
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, ' ')
  );
}
