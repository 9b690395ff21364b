import type { BenchState } from '../../contract/bench-schema.ts';
import type { ChannelState, InstrumentState } from '../../contract/instrument-schema.ts';
import type { RecordingInfo } from '../../contract/recording-schema.ts';
import type { ReplayState } from '../../contract/replay-schema.ts';
import type { Role } from '../../core/instrument.ts';
import { meterScale } from '../bench/meter-scale.ts';

/** What a channel is dragged as: its id; several with a line feed between. */
export const CHANNEL_MIME = 'application/x-labwire-channel';

/** A channel a plot can show: of the bench, or of a recording. */
export interface PlotChannel {
  id: string;
  instrument: string;
  /** Of the instrument: `ch1.voltage`. */
  name: string;
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
  /** Has values at present: of a meter only the channel of the function in force has. */
  isActive: boolean;
}

const QUICK_HZ = 100;

/** The channels of the bench. */
export function benchChannels(bench: BenchState): PlotChannel[] {
  const owners = new Map(bench.instruments.map((instrument) => [instrument.id, instrument]));
  return bench.channels.map((channel) => ({
    id: channel.id,
    instrument: channel.instrument,
    name: channel.name,
    group: owners.get(channel.instrument)?.label ?? channel.instrument,
    role: owners.get(channel.instrument)?.role ?? 'unknown',
    label: channel.label || channel.name,
    unit: channel.shownUnit || channel.unit,
    color: channel.color,
    gain: channel.scale.gain,
    offset: channel.scale.offset,
    resolution: shownResolution(channel, owners.get(channel.instrument)),
    isWaveform: owners.get(channel.instrument)?.waveforms.includes(channel.name) ?? false,
    isQuick: Math.max(channel.rateGotHz, channel.rateAskedHz) >= QUICK_HZ,
    isActive: (owners.get(channel.instrument)?.status.channel ?? channel.name) === channel.name,
  }));
}

/** Least step in the shown unit; a meter's range decides it. */
function shownResolution(channel: ChannelState, owner: InstrumentState | undefined): number | null {
  if (channel.resolution !== null) return Math.abs(channel.resolution * channel.scale.gain) || null;
  const scale = owner?.role === 'meter' ? meterScale(owner, channel) : undefined;
  return scale?.resolution ?? null;
}

/** The channels of a recording; colours and labels of the bench where it still has the channel. */
export function recordedChannels(info: RecordingInfo, bench: BenchState): PlotChannel[] {
  const known = new Map(bench.channels.map((channel) => [channel.id, channel]));
  const names = new Map(info.instruments.map((item) => [item.id, item.idn.split(',').slice(1, 2).join() || item.id]));
  return info.channels.map((channel, index) => ({
    id: channel.id,
    instrument: channel.instrument,
    name: channel.name,
    group: names.get(channel.instrument) ?? channel.instrument,
    role: bench.instruments.find((instrument) => instrument.id === channel.instrument)?.role ?? 'unknown',
    label: channel.label || channel.name,
    unit: channel.shownUnit,
    color: known.get(channel.id)?.color ?? (index % 8) + 1,
    gain: channel.scale.gain,
    offset: channel.scale.offset,
    resolution: known.get(channel.id)?.resolution ?? null,
    isWaveform: false,
    isQuick: channel.rateHz >= QUICK_HZ,
    isActive: channel.samples > 0,
  }));
}

/** The live channels that run beside a replay, told apart by their names. */
export function comparedChannels(recorded: readonly PlotChannel[], replay: ReplayState | undefined): PlotChannel[] {
  const known = new Map(recorded.map((channel) => [channel.id, channel]));
  const found = new Map<string, PlotChannel>();
  for (const { instrument, columns } of replay?.streams ?? []) {
    if (!instrument.startsWith('live:')) continue;
    for (const { channel } of columns) {
      const like = known.get(`${instrument.slice('live:'.length)}/${channel}`);
      const id = `${instrument}/${channel}`;
      if (!like) continue;
      found.set(id, { ...like, id, instrument, label: `${like.label} (live)`, group: `${like.group} (live)` });
    }
  }
  return [...found.values()];
}
