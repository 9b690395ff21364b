import type { InstrumentState } from '../../contract/instrument-schema.ts';
import type { Control } from '../../core/instrument.ts';
import type { Equipment } from '../bench/equipment.ts';
import { isOffered, MAX_INTERVAL_MS, type StreamSchema, schemaOf, sourceIntervalMs } from './stream-form.ts';

/** What is polled is asked more often for a client that wants it; ms. */
const POLLED_MS = 10;

/** A stream a client may ask for. Fewer rows than the instrument gives can be had, more only of one that is polled. */
export interface StreamEntry {
  name: string;
  interval_ms: number;
  min_interval_ms: number;
  max_interval_ms: number;
  schema: StreamSchema;
}

/** One equipment in the list over REST: LabLink's fields, and what a labwire.1 client needs besides. */
export interface EquipmentEntry {
  id: string;
  type: Equipment['type'];
  role: InstrumentState['role'];
  manufacturer: string;
  model: string;
  serial_number: string;
  firmware_version: string;
  connection_type: string;
  resource_string: string;
  nickname: string;
  connected: boolean;
  controls: Control[];
  streams: StreamEntry[];
  /** What it can capture, to be had as transfers. */
  waveforms: { name: string; unit: string }[];
  /** Hubs it came through, the one of its own bench first, this one last; absent where the list does not say who serves it. */
  via?: string[];
  /** Words of its lamps (`ch1.mode`: `CV`), and `lock`: who has it for themselves. */
  status: Record<string, string>;
}

/** LabLink's words for ways to an instrument. */
const CONNECTIONS: Readonly<Record<InstrumentState['way'], string>> = {
  serial: 'serial',
  usb: 'usb',
  lan: 'tcpip',
  gpib: 'gpib',
  modbus: 'modbus',
  vendor: 'visa',
  server: 'server',
};

/** The entry of one equipment, as of now. `hub`: id of this one. */
export function equipmentEntry(equipment: Equipment, hub?: string): EquipmentEntry {
  const { id, type, instrument } = equipment;
  const { identity, role, label, resource, way, state, controls, status, lock } = instrument;
  return {
    id,
    type,
    role,
    manufacturer: identity.maker,
    model: identity.model,
    serial_number: identity.serial,
    firmware_version: identity.firmware,
    connection_type: CONNECTIONS[way],
    resource_string: resource,
    nickname: label,
    connected: state === 'live' || state === 'silent',
    controls,
    streams: streamEntries(equipment),
    waveforms: instrument.waveforms.map((name) => ({ name, unit: unitOf(equipment, name) })),
    ...(hub === undefined ? {} : { via: [...equipment.via, hub] }),
    status: { ...status, ...(lock && lock.mode === 'exclusive' ? { lock: lock.holder } : {}) },
  };
}

/** Of a waveform; what nobody captured yet is taken for volts, which nearly all are. */
function unitOf({ channels }: Equipment, waveform: string): string {
  return channels.find(({ name }) => name === waveform)?.unit || 'V';
}

/** The streams a client may ask for now. */
export function streamEntries({ streams, channels }: Equipment): StreamEntry[] {
  return streams
    .filter(({ info }) => isOffered(info))
    .map(({ name, info }) => {
      const intervalMs = sourceIntervalMs(
        info,
        channels.filter(({ stream }) => stream === info.key),
      );
      return {
        name,
        interval_ms: intervalMs,
        min_interval_ms: info.kind === 'timed' ? Math.min(intervalMs, POLLED_MS) : intervalMs,
        max_interval_ms: MAX_INTERVAL_MS,
        schema: schemaOf(info),
      };
    });
}
