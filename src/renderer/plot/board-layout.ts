import type { BenchState, PlotLayout } from '../../contract/bench-schema.ts';
import type { RecordingInfo } from '../../contract/recording-schema.ts';
import type { Role } from '../../core/instrument.ts';

/** What a channel is dragged as: its id; several with a line feed between. */
export const CHANNEL_MIME = 'application/x-labwire-channel';

/** A channel a plot can show: of the bench, or of a recording. */
export interface PlotChannel {
  id: string;
  instrument: string;
  /** Name of the instrument for the menu. */
  group: string;
  /** Of the instrument. */
  role: Role;
  label: string;
  /** Unit shown. */
  unit: string;
  color: number | string;
  gain: number;
  offset: number;
  resolution: number | null;
  /** A scope waveform: shown as a segment, not over time. */
  isWaveform: boolean;
  /** Hundred samples a second and more. */
  isQuick: boolean;
}

const QUICK_HZ = 100;
/** Traces and units a plot gets by itself; more are added by hand. */
const MOST_AUTOMATIC = 6;
const MOST_UNITS = 2;
const MOST_PLOTS = 3;
/** Who is shown first where there is not room for all. */
const ROLE_ORDER: readonly Role[] = ['meter', 'supply', 'load', 'stream', 'unknown', 'scope'];

/** The channels of the bench. */
export function benchChannels(bench: BenchState): PlotChannel[] {
  const owners = new Map(bench.instruments.map((instrument) => [instrument.id, instrument]));
  return bench.channels.map((channel) => ({
    id: channel.id,
    instrument: channel.instrument,
    group: owners.get(channel.instrument)?.label ?? channel.instrument,
    role: owners.get(channel.instrument)?.role ?? 'unknown',
    label: channel.label || channel.name,
    unit: channel.shownUnit || channel.unit,
    color: channel.color,
    gain: channel.scale.gain,
    offset: channel.scale.offset,
    resolution: channel.resolution,
    isWaveform: owners.get(channel.instrument)?.waveforms.includes(channel.name) ?? false,
    isQuick: Math.max(channel.rateGotHz, channel.rateAskedHz) >= QUICK_HZ,
  }));
}

/** The channels of a recording; colours and labels of the bench where it still has the channel. */
export function recordedChannels(info: RecordingInfo, bench: BenchState): PlotChannel[] {
  const known = new Map(bench.channels.map((channel) => [channel.id, channel]));
  const names = new Map(info.instruments.map((item) => [item.id, item.idn.split(',').slice(1, 2).join() || item.id]));
  return info.channels.map((channel, index) => ({
    id: channel.id,
    instrument: channel.instrument,
    group: names.get(channel.instrument) ?? channel.instrument,
    role: bench.instruments.find((instrument) => instrument.id === channel.instrument)?.role ?? 'unknown',
    label: channel.label || channel.name,
    unit: channel.unit,
    color: known.get(channel.id)?.color ?? (index % 8) + 1,
    gain: 1,
    offset: 0,
    resolution: known.get(channel.id)?.resolution ?? null,
    isWaveform: false,
    isQuick: channel.rateHz >= QUICK_HZ,
  }));
}

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

/**
 * Channels of a plot with colours that differ as far as there are eight: a channel whose number another of the plot has taken before gets the
 * next free one, here only. Colours chosen by hand (hex) stay.
 */
export function distinctColors(channels: readonly PlotChannel[]): PlotChannel[] {
  const taken = new Set<number>();
  return channels.map((channel) => {
    if (typeof channel.color !== 'number') return channel;
    const wanted = channel.color;
    const free = [0, 1, 2, 3, 4, 5, 6, 7]
      .map((step) => ((wanted - 1 + step) % 8) + 1)
      .find((color) => !taken.has(color));
    taken.add(free ?? wanted);
    return free === undefined || free === wanted ? channel : { ...channel, color: free };
  });
}
