import type { BenchState, PlotLayout } from '../../contract/bench-schema.ts';
import type { ChannelState } from '../../contract/instrument-schema.ts';
import type { RecordingInfo } from '../../contract/recording-schema.ts';

/** What a channel is dragged as: its id; several with a line feed between. */
export const CHANNEL_MIME = 'application/x-labwire-channel';

/** A channel a plot can show: of the bench, or of a recording. */
export interface PlotChannel {
  id: string;
  instrument: string;
  /** Name of the instrument for the menu. */
  group: string;
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
/** Traces a plot gets by itself; more are added by hand. */
const MOST_AUTOMATIC = 8;
/** Units that share one automatic plot: the first on the left axis, the second on the right. */
const PAIRS: readonly (readonly string[])[] = [
  ['V', 'A'],
  ['W', 'Ohm'],
];

/** The channels of the bench. */
export function benchChannels(bench: BenchState): PlotChannel[] {
  const names = new Map(bench.instruments.map((instrument) => [instrument.id, instrument.label]));
  const kinds = new Map(bench.streams.map((stream) => [stream.key, stream.kind]));
  return bench.channels.map((channel) => ({
    id: channel.id,
    instrument: channel.instrument,
    group: names.get(channel.instrument) ?? channel.instrument,
    label: channel.label || channel.name,
    unit: channel.shownUnit || channel.unit,
    color: channel.color,
    gain: channel.scale.gain,
    offset: channel.scale.offset,
    resolution: channel.resolution,
    isWaveform: isWaveform(channel, kinds),
    isQuick: Math.max(channel.rateGotHz, channel.rateAskedHz) >= QUICK_HZ,
  }));
}

function isWaveform(channel: ChannelState, kinds: ReadonlyMap<string, string>): boolean {
  return kinds.get(channel.stream) === 'segment' || kinds.get(`${channel.instrument}/${channel.stream}`) === 'segment';
}

/** The channels of a recording; colours and labels of the bench where it still has the channel. */
export function recordedChannels(info: RecordingInfo, bench: BenchState): PlotChannel[] {
  const known = new Map(bench.channels.map((channel) => [channel.id, channel]));
  const names = new Map(info.instruments.map((item) => [item.id, item.idn.split(',').slice(1, 2).join() || item.id]));
  return info.channels.map((channel, index) => ({
    id: channel.id,
    instrument: channel.instrument,
    group: names.get(channel.instrument) ?? channel.instrument,
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
 * Plots for a bench whose plots nobody has arranged: what is attached shows at once. Slow channels by pairs of units, each quick
 * instrument on a plot of its own (its traces would hide the others).
 */
export function automaticPlots(channels: readonly PlotChannel[]): PlotLayout[] {
  const plots: PlotLayout[] = [];
  const add = (id: string, title: string, list: readonly PlotChannel[]): void => {
    const shown = list.slice(0, MOST_AUTOMATIC).map((channel) => channel.id);
    if (shown.length > 0) plots.push({ id, title, channels: shown });
  };
  const overTime = channels.filter((channel) => !channel.isWaveform);
  const quick = new Set(overTime.filter((channel) => channel.isQuick).map((channel) => channel.instrument));
  const slow = overTime.filter((channel) => !quick.has(channel.instrument));
  const [first = [], second = []] = PAIRS;
  add(
    'auto-main',
    '',
    slow.filter((channel) => first.includes(channel.unit)),
  );
  for (const instrument of quick) {
    const own = overTime.filter((channel) => channel.instrument === instrument);
    add(`auto-${instrument}`, '', own);
  }
  if (plots.length === 0)
    add(
      'auto-second',
      '',
      slow.filter((channel) => second.includes(channel.unit)),
    );
  if (plots.length === 0) add('auto-rest', '', slow);
  return plots.slice(0, 3);
}
