import type { Control, InstrumentShape, Role } from '../../core/instrument.ts';
import type { LabLinkEquipment, LabLinkStatus } from '../../protocol/lab/lablink-rest.ts';
import type { StreamOffer } from '../equipment.ts';
import { amountOf } from './amount.ts';
import { OUTPUTS_OFF } from './device-command.ts';
import { LOAD_FIELDS, MEASUREMENT_FIELDS, supplyFields } from './reading-fields.ts';

/** Most channels of one instrument that are believed. */
const MAX_CHANNELS = 16;

const ROLES: Readonly<Record<string, Role>> = {
  power_supply: 'supply',
  electronic_load: 'load',
  oscilloscope: 'scope',
  multimeter: 'meter',
};

/** Models with several channels whose driver does not say so (lablink protocol, section 4). */
const CHANNELS: readonly [RegExp, number][] = [
  [/913[01]/, 3],
  [/DS1104/, 4],
];

type Capabilities = Readonly<Record<string, unknown>>;

/** Channels of a supply or oscilloscope: as it says, as its list of channels has, as its model is known, else 1. */
export function channelCount(model: string, capabilities: Capabilities): number {
  const said = amountOf(capabilities.num_channels) ?? amountOf(capabilities.channels);
  const listed = isRecord(capabilities.channels) ? Object.keys(capabilities.channels).length : 0;
  const known = CHANNELS.find(([pattern]) => pattern.test(model))?.[1] ?? 1;
  const count = Math.round(said ?? (listed > 0 ? listed : known));
  return Math.min(MAX_CHANNELS, Math.max(1, count));
}

/** What servers of ours offer beside the commands of LabLink. */
function ownCommands({ commands }: Capabilities): string[] {
  return Array.isArray(commands) && commands.includes(OUTPUTS_OFF) ? [OUTPUTS_OFF] : [];
}

/** What of an equipment of the list can be set, measured and captured. */
export function shapeOf(item: LabLinkEquipment, status: LabLinkStatus | undefined): InstrumentShape {
  const capabilities = status?.capabilities ?? {};
  const role = ROLES[item.type] ?? 'unknown';
  const own = ownCommands(capabilities);
  const count = channelCount(item.model ?? '', capabilities);
  const channels = Array.from({ length: count }, (_, index) => index + 1);
  const base = { role, polled: [], maxPollHz: 5, defaultPollHz: 5, waveforms: [] };
  switch (role) {
    case 'supply':
      return {
        ...base,
        controls: channels.flatMap((channel) => supplyControls(channel, capabilities)),
        commands: ['set_voltage', 'set_current', 'set_output', 'get_readings', 'get_setpoints', ...own],
      };
    case 'load':
      return {
        ...base,
        controls: loadControls(capabilities),
        commands: [
          'set_mode',
          'set_current',
          'set_voltage',
          'set_resistance',
          'set_power',
          'set_input',
          'get_readings',
          ...own,
        ],
      };
    case 'scope':
      return {
        ...base,
        controls: SCOPE_CONTROLS.map((control) => ({ ...control })),
        commands: [
          'get_measurements',
          'get_waveform',
          'set_timebase',
          'set_channel',
          'trigger_single',
          'trigger_run',
          'trigger_stop',
          'autoscale',
        ],
        waveforms: channels.map((channel) => ({ channel: `ch${channel}.voltage`, unit: 'V' })),
      };
    default:
      return { ...base, controls: [], commands: ['get_readings'] };
  }
}

/** Longest and shortest interval of a stream; ms. */
const INTERVALS = { defaultIntervalMs: 200, minIntervalMs: 10, maxIntervalMs: 10_000 };
/** Only channel 1 has a stream; the others are asked by a command each. */
const ASKED = { defaultIntervalMs: 500, minIntervalMs: 200, maxIntervalMs: 10_000 };

/** Streams of an equipment, acquisitions not counted. */
export function streamsOf(item: LabLinkEquipment, status: LabLinkStatus | undefined): StreamOffer[] {
  switch (ROLES[item.type]) {
    case 'supply': {
      const count = channelCount(item.model ?? '', status?.capabilities ?? {});
      const more = Array.from({ length: count - 1 }, (_, index) => ({
        name: `readings-ch${index + 2}`,
        columns: supplyFields(index + 2).map(({ column }) => column),
        ...ASKED,
      }));
      return [{ name: 'readings', columns: supplyFields(1).map(({ column }) => column), ...INTERVALS }, ...more];
    }
    case 'load':
      return [{ name: 'readings', columns: LOAD_FIELDS.map(({ column }) => column), ...INTERVALS }];
    case 'scope':
      return [
        {
          name: 'measurements',
          columns: MEASUREMENT_FIELDS.map(({ column }) => column),
          ...INTERVALS,
          defaultIntervalMs: 500,
        },
      ];
    default:
      return [{ name: 'readings', columns: [], ...INTERVALS }];
  }
}

function supplyControls(channel: number, capabilities: Capabilities): Control[] {
  const group = `ch${channel}`;
  const listed = isRecord(capabilities.channels) ? capabilities.channels[group] : undefined;
  const own = isRecord(listed) ? listed : {};
  const limit = (key: string) => amountOf(own[key]) ?? amountOf(capabilities[key]);
  return [
    {
      id: `${group}.voltage.set`,
      group,
      label: 'Voltage',
      kind: 'number',
      unit: 'V',
      min: 0,
      max: limit('max_voltage'),
    },
    {
      id: `${group}.current.set`,
      group,
      label: 'Current limit',
      kind: 'number',
      unit: 'A',
      min: 0,
      max: limit('max_current'),
    },
    { id: `${group}.output`, group, label: 'Output', kind: 'switch', isOutput: true },
  ];
}

/** Modes of a load: its control, its command's parameter, its unit. */
export const LOAD_LEVELS: readonly { mode: string; id: string; parameter: string; unit: string; limit: string }[] = [
  { mode: 'CC', id: 'level.cc', parameter: 'current', unit: 'A', limit: 'max_current' },
  { mode: 'CV', id: 'level.cv', parameter: 'voltage', unit: 'V', limit: 'max_voltage' },
  { mode: 'CR', id: 'level.cr', parameter: 'resistance', unit: 'Ohm', limit: 'max_resistance' },
  { mode: 'CP', id: 'level.cp', parameter: 'power', unit: 'W', limit: 'max_power' },
];

function loadControls(capabilities: Capabilities): Control[] {
  const said = Array.isArray(capabilities.modes) ? capabilities.modes.map(String) : [];
  const levels = LOAD_LEVELS.filter(({ mode }) => said.length === 0 || said.includes(mode));
  return [
    { id: 'mode', group: '', label: 'Mode', kind: 'choice', choices: levels.map(({ mode }) => mode) },
    ...levels.map(
      ({ mode, id, unit, limit }): Control => ({
        id,
        group: '',
        label: `Level ${mode}`,
        kind: 'number',
        unit,
        min: 0,
        max: amountOf(capabilities[limit]),
      }),
    ),
    { id: 'input', group: '', label: 'Input', kind: 'switch', isOutput: true },
  ];
}

const SCOPE_CONTROLS: readonly Control[] = [
  { id: 'acquire', group: '', label: 'Acquire', kind: 'choice', choices: ['run', 'stop', 'single'] },
  { id: 'autoscale', group: '', label: 'Autoscale', kind: 'action' },
];

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
