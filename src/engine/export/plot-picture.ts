import type { FormatJob } from './format-writer.ts';
import { legendNames } from './plot-legend.ts';
import type { PlotLine, PlotPanel } from './plot-panel.ts';
import { drawPanel, escapeXml, legendRows, text } from './plot-panel.ts';
import { PLOT_THEMES } from './plot-theme.ts';
import { timeTicks } from './plot-ticks.ts';
import type { PlotTrace } from './plot-trace.ts';
import { streamTraces, waveformTraces } from './plot-trace.ts';
import { isoNs } from './recording-facts.ts';
import type { TablePlan } from './table.ts';
import { planTable } from './table.ts';

const LEFT = 84;
const RIGHT = 24;
const HEAD = 52;
const FOOT = 34;
const LEGEND_ROW = 18;
const PANEL_GAP = 24;
const LEAST_PANEL = 24;
/** Without quotes, which the renderer of PNG does not read. */
const FONTS = 'Inter, Segoe UI, Helvetica, Arial, DejaVu Sans, Liberation Sans, Noto Sans, sans-serif';
/** More gaps than pixels cannot be told apart. */
const MOST_GAPS = 2000;

export interface PlotPicture {
  svg: string;
  /** Columns drawn. */
  columns: number;
  notes: string[];
}

interface Drawn {
  traces: PlotTrace[];
  /** Time at the left edge, ns since 1970, what it is called there (s), and the length of the axis. */
  originNs: bigint;
  zeroS: number;
  spanS: number;
  notes: string[];
}

/** The plot of some channels as SVG: a panel a unit, one time axis for all. */
export async function drawPlot(job: FormatJob): Promise<PlotPicture> {
  const { recording, channels, range, options } = job;
  const plan = planTable(recording, channels, range, false);
  const width = options.width - LEFT - RIGHT;
  const drawn = await trace(job, plan, width);
  const theme = PLOT_THEMES[options.theme];
  const units = [...new Set(channels.map(({ unit }) => unit))];
  const panels = units
    .map((unit) => ({ unit, lines: linesOf(drawn.traces, unit, job) }))
    .filter(({ lines }) => lines.length > 0);
  const room = options.height - HEAD - FOOT;
  const above = (lines: PlotLine[]): number => PANEL_GAP + (legendRows(lines, width) + 1) * LEGEND_ROW - LEGEND_ROW;
  const legends = panels.reduce((sum, { lines }) => sum + above(lines), 0);
  const height = Math.max(LEAST_PANEL, (room - legends) / Math.max(1, panels.length));
  const out: string[] = [];
  let top = HEAD;
  const place = (timeS: number): number => LEFT + (drawn.spanS > 0 ? timeS / drawn.spanS : 0.5) * width;
  const ticks = timeTicks(drawn.zeroS, drawn.zeroS + drawn.spanS, drawn.originNs, width / 110);
  for (const [index, { unit, lines }] of panels.entries()) {
    top += above(lines);
    const ticksS = ticks.values.map((value) => value - drawn.zeroS);
    const gaps = gapsOf(job, plan, lines, drawn);
    const panel: PlotPanel = { unit, lines, left: LEFT, top, width, height, spanS: drawn.spanS, ticksS, gaps };
    out.push(drawPanel(panel, theme, `panel${index}`));
    top += height;
  }
  for (const [index, value] of ticks.values.entries()) {
    out.push(text(place(value - drawn.zeroS), top + 18, ticks.labels[index] ?? '', theme.quiet, 'middle'));
  }
  const title = recording.info.name;
  const endNs = drawn.originNs + BigInt(Math.round((drawn.zeroS + drawn.spanS) * 1e9));
  const startNs = drawn.originNs + BigInt(Math.round(drawn.zeroS * 1e9));
  const when = `${isoNs(startNs).slice(0, 23)}Z to ${isoNs(endNs).slice(0, 23)}Z`;
  const svg = `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="${options.width}" height="${options.height}" viewBox="0 0 ${options.width} ${options.height}" font-family="${FONTS}" font-size="12">
<title>${escapeXml(title)}</title>
<defs><pattern id="gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0V6" stroke="${theme.gap}" stroke-width="1" stroke-opacity="0.6"/></pattern></defs>
<rect width="100%" height="100%" fill="${theme.background}"/>
<text x="${LEFT}" y="24" fill="${theme.text}" font-size="16" font-weight="600">${escapeXml(title)}</text>
${text(LEFT, 42, when, theme.quiet, 'start')}
${out.join('\n')}
</svg>
`;
  const columns = drawn.traces.reduce((sum, { timesS }) => sum + timesS.length, 0);
  return { svg, columns, notes: drawn.notes };
}

/** Time goes on for polled and sampled channels; waveforms have a time of their own, so the last one is drawn only if nothing else is wanted. */
async function trace({ tick }: FormatJob, plan: TablePlan, width: number): Promise<Drawn> {
  const even = plan.sources.filter(({ stream }) => stream.info.kind !== 'segment');
  const waveforms = plan.sources.filter(({ stream }) => stream.info.kind === 'segment');
  const spanS = Math.max(0, Number(plan.toNs - plan.fromNs) / 1e9);
  const common = { originNs: plan.fromNs, zeroS: 0, spanS };
  if (even.length > 0 || waveforms.length === 0) {
    const traces: PlotTrace[] = [];
    for (const [index, source] of even.entries()) {
      traces.push(...(await streamTraces(plan, source, width)));
      tick((index + 1) / even.length);
    }
    const left = waveforms.map(({ stream }) => stream.info.key).join(', ');
    const notes =
      left === '' ? [] : [`Waveforms are not in the picture, because they have times of their own: ${left}.`];
    return { ...common, traces, notes };
  }
  for (const source of waveforms.toReversed()) {
    const found = await waveformTraces(plan, source, width);
    if (!found) continue;
    const notes = ['The last waveform of the range is in the picture.'];
    return { traces: found.traces, originNs: found.t0Ns, zeroS: found.x0S, spanS: found.endS, notes };
  }
  return { ...common, traces: [], notes: [] };
}

function linesOf(traces: readonly PlotTrace[], unit: string, { channels, options }: FormatJob): PlotLine[] {
  const { traces: colors } = PLOT_THEMES[options.theme];
  const names = legendNames(channels);
  return channels.flatMap((channel, number) => {
    const own = traces.filter((one) => one.channel === channel);
    if (channel.unit !== unit || own.length === 0) return [];
    const label = names[number] ?? channel.id;
    return [{ label, color: colors[number % colors.length] ?? '', isDashed: number >= colors.length, traces: own }];
  });
}

/** Where rows of the streams that are drawn in a panel are missing, as the recording says. */
function gapsOf(
  { recording, channels }: FormatJob,
  plan: TablePlan,
  lines: readonly PlotLine[],
  { originNs, zeroS, spanS }: Drawn,
): PlotPanel['gaps'] {
  const drawn = new Set(lines.flatMap(({ traces }) => traces.map(({ channel }) => channels.indexOf(channel))));
  const sources = plan.sources.filter(({ fields }) => fields.some(({ to }) => drawn.has(to)));
  const keys = new Set(sources.map(({ stream }) => stream.info.key));
  return recording.info.gaps
    .filter(({ stream }) => keys.has(stream))
    .map(({ fromNs, toNs }) => ({
      fromS: Number(fromNs - originNs) / 1e9 - zeroS,
      toS: Number(toNs - originNs) / 1e9 - zeroS,
    }))
    .filter(({ fromS, toS }) => toS >= 0 && fromS <= spanS)
    .slice(0, MOST_GAPS);
}
