import type { ChannelState } from '../../contract/instrument-schema.ts';
import type { Equipment } from '../bench/equipment.ts';
import type { HubBench } from '../bench/hub-bench.ts';

/** Number of modules of a power meter mainframe. */
export const MODULES = 20;
/** Module a client means that names none. */
export const DEFAULT_MODULE = 4;

/** One instrument as a module of a power meter: up to four values of one unit. */
export interface PowerModule {
  number: number;
  equipment: Equipment;
  /** Key of the stream the values come with. */
  stream: string;
  channels: readonly ChannelState[];
  /** `dBm`, `mW`, or the unit the instrument has. */
  unit: string;
  /** shown = sample × factor: W become mW. */
  factor: number;
}

/**
 * The instruments that measure, as modules: the first one of the bench is module 4, which is what clients ask for that say nothing, the next 5 … 20, then
 * 1 … 3. An instrument that is not sampled (a bare oscilloscope) has no module.
 */
export function powerModules(bench: Pick<HubBench, 'equipment'>): PowerModule[] {
  return bench.equipment
    .flatMap((equipment) => moduleOf(equipment) ?? [])
    .slice(0, MODULES)
    .map((module, index) => ({ ...module, number: ((DEFAULT_MODULE - 1 + index) % MODULES) + 1 }));
}

const POWER_UNITS = ['dBm', 'mW', 'W'];

function moduleOf(equipment: Equipment): Omit<PowerModule, 'number'> | undefined {
  const sampled = new Set(equipment.streams.filter(({ info }) => info.kind !== 'segment').map(({ info }) => info.key));
  const channels = equipment.channels.filter(({ stream }) => sampled.has(stream));
  const first =
    POWER_UNITS.flatMap((unit) => channels.find((channel) => channel.unit === unit) ?? [])[0] ?? channels[0];
  if (!first) return undefined;
  return {
    equipment,
    stream: first.stream,
    channels: channels.filter(({ unit, stream }) => unit === first.unit && stream === first.stream).slice(0, 4),
    unit: first.unit === 'W' ? 'mW' : first.unit,
    factor: first.unit === 'W' ? 1000 : 1,
  };
}

/** Body of a `data` message and of `/detector/snapshot`. A channel that is not there, missing or beyond its range is null: the others are not lost with it. */
export function snapshotOf(
  { number, unit, factor, channels }: PowerModule,
  timeNs: bigint,
  read: (channel: ChannelState) => number | undefined,
): Record<string, unknown> {
  const power = (index: number): number | null => {
    const channel = channels[index];
    const value = channel ? read(channel) : undefined;
    return value !== undefined && Number.isFinite(value) ? value * factor : null;
  };
  return {
    timestamp: Number(timeNs / 1000n) / 1e6,
    module: number,
    wavelength_nm: null,
    unit,
    ch1_power: power(0),
    ch2_power: power(1),
    ch3_power: power(2),
    ch4_power: power(3),
  };
}
