import type { PlotLayout } from '../../contract/bench-schema.ts';
import type { Role } from '../../core/instrument.ts';
import type { PlotChannel } from './plot-channel.ts';

/** Traces and units a plot gets by itself; more are added by hand. */
const MOST_SLOW = 5;
const MOST_QUICK = 4;
const MOST_QUICK_UNITS = 2;
const MOST_PLOTS = 3;
const PREFIX = 'auto-';

/** Whether a plot still stands as it came by itself: changed by hand it gets an id of its own, see `ownPlot`. */
export function isAutomatic(plot: PlotLayout): boolean {
  return plot.id.startsWith(PREFIX);
}

/** The plot as the person's own, which nothing rearranges. */
export function ownPlot(plot: PlotLayout): PlotLayout {
  return isAutomatic(plot) ? { ...plot, id: `plot-${Date.now().toString(36)}` } : plot;
}

/**
 * Plots for what is attached, so that it shows at once. By role, never by the order of attaching: first what is looked at together (the
 * meter, the first output of the supply, the current of the load), then a plot for each quick instrument, whose traces would hide the
 * others. Waveforms have their card.
 */
export function automaticPlots(channels: readonly PlotChannel[]): PlotLayout[] {
  const overTime = channels.filter((channel) => !channel.isWaveform && channel.isActive);
  const quick = [...new Set(overTime.filter((channel) => channel.isQuick).map((channel) => channel.instrument))].sort();
  const slow = overTime.filter((channel) => !quick.includes(channel.instrument));
  const plots = [
    { id: `${PREFIX}slow`, title: '', channels: together(slow) },
    ...quick.map((instrument) => ({
      id: `${PREFIX}${instrument}`.slice(0, 300),
      title: '',
      channels: ofStream(overTime.filter((channel) => channel.instrument === instrument)),
    })),
  ];
  return plots.filter((plot) => plot.channels.length > 0).slice(0, MOST_PLOTS);
}

/** The plots of the bench: those changed by hand as they are, the others as they come by themselves now. */
export function benchPlots(arranged: readonly PlotLayout[], channels: readonly PlotChannel[]): PlotLayout[] {
  const automatic = automaticPlots(channels);
  if (arranged.length === 0) return automatic;
  return arranged.map((plot) => automatic.find((fresh) => fresh.id === plot.id) ?? plot);
}

function together(slow: readonly PlotChannel[]): string[] {
  const of = (role: Role, isWanted: (channel: PlotChannel) => boolean): PlotChannel[] =>
    slow.filter((channel) => channel.role === role && isWanted(channel)).sort((a, b) => (a.id < b.id ? -1 : 1));
  const first = [
    ...of('meter', () => true),
    ...of('supply', (channel) => /^(ch1\.)?voltage$/.test(channel.name)),
    ...of('supply', (channel) => /^(ch1\.)?current$/.test(channel.name)),
    ...of('load', (channel) => channel.name === 'current'),
    ...of('stream', () => true),
    ...of('unknown', () => true),
  ];
  const chosen = first.length > 0 ? first : of('scope', () => true);
  return chosen.slice(0, MOST_SLOW).map((channel) => channel.id);
}

/** As many of each of its first two units: two axes. */
function ofStream(channels: readonly PlotChannel[]): string[] {
  const units = [...new Set(channels.map((channel) => channel.unit))].slice(0, MOST_QUICK_UNITS);
  const each = Math.ceil(MOST_QUICK / units.length);
  return units.flatMap((unit) =>
    channels
      .filter((channel) => channel.unit === unit)
      .slice(0, each)
      .map((channel) => channel.id),
  );
}
