import type { ChannelState } from '../../contract/instrument-schema.ts';
import type { Equipment } from '../bench/equipment.ts';
import type { HubBench } from '../bench/hub-bench.ts';

/** Number of modules of a power meter mainframe. */
export const MODULES = 20;
/** Module a client means that names none. */
export const DEFAULT_MODULE = 4;

/** 4 … 20, 1 … 3. */
const ORDER = Array.from({ length: MODULES }, (_, index) => ((DEFAULT_MODULE - 1 + index) % MODULES) + 1);

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
 * The instruments that measure, as modules. One that comes has the first free number of 4 … 20, 1 … 3 (4 is what clients ask for that say nothing) and keeps it as long as it is
 * attached: a client never gets the values of another one because a third went away. An instrument that is not sampled (a bare oscilloscope) has no module.
 */
export class ModuleRack {
  readonly #bench: Pick<HubBench, 'equipment'>;
  /** Number of each instrument, by its equipment id. */
  #numbers = new Map<string, number>();

  constructor(bench: Pick<HubBench, 'equipment'>) {
    this.#bench = bench;
  }

  /** All there are now, in the order of ORDER. */
  get all(): PowerModule[] {
    const found = this.#bench.equipment.flatMap((equipment) => moduleOf(equipment) ?? []);
    const attached = new Set(this.#bench.equipment.map(({ id }) => id));
    this.#numbers = new Map([...this.#numbers].filter(([id]) => attached.has(id)));
    const taken = new Set(this.#numbers.values());
    const free = ORDER.filter((number) => !taken.has(number));
    for (const { equipment } of found) {
      const number = this.#numbers.has(equipment.id) ? undefined : free.shift();
      if (number !== undefined) this.#numbers.set(equipment.id, number);
    }
    const modules = found.flatMap((module) => {
      const number = this.#numbers.get(module.equipment.id);
      return number === undefined ? [] : [{ ...module, number }];
    });
    return modules.sort((one, other) => ORDER.indexOf(one.number) - ORDER.indexOf(other.number));
  }

  /** The instrument in a module, if there is one. */
  find(number: number): PowerModule | undefined {
    return this.all.find((module) => module.number === number);
  }
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
