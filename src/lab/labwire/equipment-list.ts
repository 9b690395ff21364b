import { z } from 'zod';
import type { Control, InstrumentShape, Role } from '../../core/instrument.ts';
import type { LabwireStreamSchema } from '../../protocol/lab/labwire-messages.ts';
import type { Equipment, StreamOffer } from '../equipment.ts';
import { streamForm } from './stream-form.ts';

const text = z.string().max(512);
const control = z.object({
  id: text,
  group: text.default(''),
  label: text.default(''),
  kind: z.enum(['number', 'switch', 'choice', 'action']),
  unit: text.optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  resolution: z.number().optional(),
  choices: z.array(text).max(1000).optional(),
  isOutput: z.boolean().optional(),
});

const offer = z.object({
  name: text.min(1),
  interval_ms: z.number().positive().default(100),
  min_interval_ms: z.number().positive().default(10),
  max_interval_ms: z.number().positive().default(60_000),
  schema: z
    .object({ channels: z.array(text).max(4096), units: z.array(text).max(4096).optional() })
    .loose()
    .optional(),
});

const item = z.object({
  id: text.min(1),
  type: text.default(''),
  role: text.optional(),
  manufacturer: text.nullish(),
  model: text.nullish(),
  serial_number: text.nullish(),
  firmware_version: text.nullish(),
  resource_string: text.nullish(),
  nickname: text.nullish(),
  connected: z.boolean().default(true),
  controls: z.array(control).max(1000).catch([]).default([]),
  streams: z.array(offer).max(1000).catch([]).optional(),
  status: z.record(text, text).catch({}).default({}),
  /** What it can capture. */
  waveforms: z
    .array(z.object({ name: text.min(1), unit: text.default('V') }))
    .max(64)
    .catch([])
    .default([]),
  via: z.array(text).max(16).optional().catch(undefined),
});

const ROLES: Readonly<Record<string, Role>> = {
  power_supply: 'supply',
  electronic_load: 'load',
  oscilloscope: 'scope',
  multimeter: 'meter',
  supply: 'supply',
  load: 'load',
  scope: 'scope',
  meter: 'meter',
  stream: 'stream',
};

/** The list of equipment. Entries that cannot be read are left out and counted; undefined: it is no list. */
export function parseEquipmentList(json: unknown): { equipment: Equipment[]; malformed: number } | undefined {
  if (!Array.isArray(json)) return undefined;
  const equipment: Equipment[] = [];
  let malformed = 0;
  for (const entry of json.slice(0, 1000)) {
    const judged = item.safeParse(entry);
    if (judged.success) equipment.push(equipmentOf(judged.data));
    else malformed++;
  }
  return { equipment, malformed };
}

function equipmentOf(entry: z.infer<typeof item>): Equipment {
  const maker = entry.manufacturer ?? '';
  const model = entry.model ?? '';
  return {
    id: entry.id,
    identity: { maker, model, serial: entry.serial_number ?? '', firmware: entry.firmware_version ?? '' },
    label: entry.nickname || `${maker} ${model}`.trim() || entry.id,
    shape: shapeOf(entry),
    // A server of the older list names no streams: its readings are what it has.
    streams: (entry.streams ?? [offer.parse({ name: 'readings' })]).map(offerOf),
    resource: entry.resource_string ?? '',
    isConnected: entry.connected,
    status: entry.status,
    ...(entry.via === undefined ? {} : { via: entry.via }),
  };
}

function shapeOf(entry: z.infer<typeof item>): InstrumentShape {
  return {
    role: ROLES[entry.role ?? entry.type] ?? 'unknown',
    controls: entry.controls as Control[],
    polled: [],
    maxPollHz: 0,
    defaultPollHz: 0,
    commands: [],
    waveforms: entry.waveforms.map(({ name, unit }) => ({ channel: name, unit })),
  };
}

function offerOf(stream: z.infer<typeof offer>): StreamOffer {
  return {
    name: stream.name,
    columns: stream.schema ? streamForm(stream.schema as LabwireStreamSchema).columns : [],
    defaultIntervalMs: stream.interval_ms,
    minIntervalMs: stream.min_interval_ms,
    maxIntervalMs: stream.max_interval_ms,
  };
}
