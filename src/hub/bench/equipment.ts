import { createHash } from 'node:crypto';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { ChannelState, InstrumentState } from '../../contract/instrument-schema.ts';
import type { StreamInfo } from '../../core/stream-info.ts';

/** What other clients call a kind of instrument (the words of LabLink's REST). */
const TYPES = {
  supply: 'power_supply',
  load: 'electronic_load',
  scope: 'oscilloscope',
  meter: 'multimeter',
  stream: 'data_acquisition',
  unknown: 'unknown',
} as const;

const PREFIXES = { supply: 'ps', load: 'load', scope: 'scope', meter: 'dmm', stream: 'daq', unknown: 'dev' } as const;

export type EquipmentType = (typeof TYPES)[keyof typeof TYPES];

/** One attached instrument as other clients see it. */
export interface Equipment {
  /** `ps_250e6dfe`: the same for the same unit, whoever asks and whenever. */
  id: string;
  type: EquipmentType;
  instrument: InstrumentState;
  channels: readonly ChannelState[];
  streams: readonly EquipmentStream[];
  /** Hubs it came through, the one of its own bench first; empty: it stands on this bench. */
  via: readonly string[];
}

/** Longest way of an instrument: from the bench it stands on over so many hubs to a client. */
export const MOST_HOPS = 3;

export interface EquipmentStream {
  /** `readings`, `waveform`, `measurements`, or the engine's own name. */
  name: string;
  info: StreamInfo;
}

/** Id of an instrument for other clients: the prefix of its role and 8 hex digits of the SHA-256 of our id, which may hold serial numbers and slashes. */
export function equipmentId({ id, role }: Pick<InstrumentState, 'id' | 'role'>): string {
  return `${PREFIXES[role]}_${createHash('sha256').update(id).digest('hex').slice(0, 8)}`;
}

/** The instruments of a bench as equipment, in the order of the bench. What came over so many hubs is passed on no more. */
export function equipmentOf(
  state: Pick<BenchState, 'instruments' | 'channels' | 'streams'> & Partial<Pick<BenchState, 'servers'>>,
): Equipment[] {
  const ways = new Map(
    (state.servers ?? []).flatMap(({ equipment }) =>
      equipment.flatMap(({ instrument, via }) => (instrument === null ? [] : [[instrument, via] as const])),
    ),
  );
  const near = state.instruments.filter(({ id }) => (ways.get(id)?.length ?? 0) < MOST_HOPS);
  return near.map((instrument) => ({
    via: ways.get(instrument.id) ?? [],
    id: equipmentId(instrument),
    type: TYPES[instrument.role],
    instrument,
    channels: state.channels.filter((channel) => channel.instrument === instrument.id),
    streams: state.streams
      .filter((info) => info.instrument === instrument.id)
      .map((info) => ({ name: streamName(info.key.slice(instrument.id.length + 1)), info })),
  }));
}

/** What is polled is called `readings`, as LabLink's clients ask for it; channels polled at another rate are `readings.2`. */
function streamName(name: string): string {
  return name.replace(/^poll(?=$|[^a-z])/, 'readings');
}
