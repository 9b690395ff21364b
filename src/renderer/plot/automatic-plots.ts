import type { PlotLayout } from '../../contract/bench-schema.ts';
import type { Role } from '../../core/instrument.ts';
import type { PlotChannel } from './plot-channel.ts';

/** Traces and units a plot gets by itself; more are added by hand. */
const MOST_AUTOMATIC = 6;
const MOST_UNITS = 2;
const MOST_PLOTS = 3;
/** Who is shown first where there is not room for all. */
const ROLE_ORDER: readonly Role[] = ['meter', 'supply', 'load', 'stream', 'unknown', 'scope'];

/**
 * Plots for a bench whose plots nobody has arranged: what is attached shows at once. Slow channels share a plot, the meter and the first
 * supply channel first; each quick instrument has one of its own (its traces would hide the others). Two units a plot at most.
 */
export function automaticPlots(channels: readonly PlotChannel[]): PlotLayout[] {
  const overTime = channels.filter((channel) => !channel.isWaveform);
  const quick = new Set(overTime.filter((channel) => channel.isQuick).map((channel) => channel.instrument));
  const slow = overTime
    .filter((channel) => !quick.has(channel.instrument))
    .sort((a, b) => ROLE_ORDER.indexOf(a.role) - ROLE_ORDER.indexOf(b.role));
  const plots = [
    { id: 'auto-slow', title: '', channels: firstOf(slow) },
    ...[...quick].map((instrument) => ({
      id: `auto-${instrument}`.slice(0, 300),
      title: '',
      channels: firstOf(overTime.filter((channel) => channel.instrument === instrument)),
    })),
  ];
  return plots.filter((plot) => plot.channels.length > 0).slice(0, MOST_PLOTS);
}

/** The first few channels of the first units. */
function firstOf(channels: readonly PlotChannel[]): string[] {
  const units = [...new Set(channels.map((channel) => channel.unit))].slice(0, MOST_UNITS);
  const shown = channels.filter((channel) => units.includes(channel.unit));
  return shown.slice(0, MOST_AUTOMATIC).map((channel) => channel.id);
}
