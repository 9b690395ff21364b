import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import { controlOf } from '../bench/controls.ts';
import type { Equipment } from '../bench/equipment.ts';
import { checkChannel, LOAD_MODES } from './reading.ts';

export type CommandParameters = Readonly<Record<string, unknown>>;

/** One setting of a control. */
export interface Setting {
  control: string;
  value: ControlValue;
}

/**
 * The settings a command of LabLink stands for at this instrument, in their order. Throws call.invalid: a parameter is missing or is none, or the instrument has no such
 * command; nothing may be sent then.
 */
export function settingsOf(equipment: Equipment, action: string, parameters: CommandParameters): Setting[] {
  if (action === 'set_control') return [ownControl(equipment, parameters)];
  switch (equipment.instrument.role) {
    case 'supply':
      return supplySettings(equipment, action, parameters);
    case 'load':
      return loadSettings(equipment, action, parameters);
    case 'scope':
      return scopeSettings(equipment, action, parameters);
    case 'meter':
      return meterSettings(equipment, action, parameters);
    default:
      throw unknownCommand(equipment, action);
  }
}

/** Ours, beside those of LabLink: all outputs of an equipment, whoever has its lock. */
export const OUTPUTS_OFF = 'outputs_off';

/** Commands the equipment has, for lists. */
export function commandsOf({ instrument: { role, controls } }: Equipment): string[] {
  const off = controls.some(({ isOutput }) => isOutput) ? [OUTPUTS_OFF] : [];
  return [...(COMMANDS[role] ?? []), 'set_control', ...off];
}

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  supply: ['set_voltage', 'set_current', 'set_output', 'get_readings', 'get_setpoints'],
  load: ['set_mode', 'set_current', 'set_voltage', 'set_resistance', 'set_power', 'set_input', 'get_readings'],
  scope: [
    'get_waveform',
    'get_measurements',
    'set_timebase',
    'set_channel',
    'set_trigger',
    'trigger_single',
    'trigger_run',
    'trigger_stop',
    'autoscale',
  ],
  meter: ['set_function', 'set_range', 'get_readings'],
  stream: ['get_readings'],
};

/** Whether an output or input would be switched on. */
export function switchesOn({ instrument }: Equipment, settings: readonly Setting[]): boolean {
  return settings.some(
    ({ control, value }) =>
      (value === true || value === 1) && instrument.controls.find(({ id }) => id === control)?.isOutput === true,
  );
}

export function unknownCommand(equipment: Equipment, action: string): LabError {
  return new LabError(
    'call.invalid',
    `Unknown command: ${action.slice(0, 100)}. ${equipment.instrument.label} has: ${commandsOf(equipment).join(', ')}. Nothing was sent.`,
  );
}

function ownControl(equipment: Equipment, parameters: CommandParameters): Setting {
  const id = parameters.control;
  const { value } = parameters;
  const control = equipment.instrument.controls.find((one) => one.id === id);
  if (!control) {
    const known = equipment.instrument.controls.map((one) => one.id).join(', ');
    throw new LabError('call.invalid', `There is no control ${String(id).slice(0, 100)}. There are: ${known}.`);
  }
  if (typeof value !== 'number' && typeof value !== 'boolean' && typeof value !== 'string')
    throw new LabError('call.invalid', "missing parameter 'value'");
  return { control: control.id, value };
}

function supplySettings(equipment: Equipment, action: string, parameters: CommandParameters): Setting[] {
  const channel = parameters.channel === undefined ? 1 : numberIn(parameters, 'channel');
  checkChannel(equipment, channel);
  switch (action) {
    case 'set_voltage':
      return [set(equipment, channel, 'voltage.set', numberIn(parameters, 'voltage'), action)];
    case 'set_current':
      return [set(equipment, channel, 'current.set', numberIn(parameters, 'current'), action)];
    case 'set_output':
      return [set(equipment, channel, 'output', switchIn(parameters, 'enabled'), action)];
    default:
      throw unknownCommand(equipment, action);
  }
}

const LOAD_LEVELS: Readonly<Record<string, readonly [string, string]>> = {
  set_current: ['current', 'level.cc'],
  set_voltage: ['voltage', 'level.cv'],
  set_resistance: ['resistance', 'level.cr'],
  set_power: ['power', 'level.cp'],
};

function loadSettings(equipment: Equipment, action: string, parameters: CommandParameters): Setting[] {
  const level = Object.hasOwn(LOAD_LEVELS, action) ? LOAD_LEVELS[action] : undefined;
  if (level) return [set(equipment, 1, level[1], numberIn(parameters, level[0]), action)];
  if (action === 'set_input') return [set(equipment, 1, 'input', switchIn(parameters, 'enabled'), action)];
  if (action !== 'set_mode') throw unknownCommand(equipment, action);
  const mode = LOAD_MODES.find((one) => one === parameters.mode);
  if (!mode) throw new LabError('call.invalid', `Invalid mode: ${String(parameters.mode).slice(0, 100)}`);
  return [set(equipment, 1, 'mode', mode, action)];
}

function scopeSettings(equipment: Equipment, action: string, parameters: CommandParameters): Setting[] {
  switch (action) {
    case 'set_timebase':
      return some(equipment, 1, action, parameters, { scale: 'timebase.scale', offset: 'timebase.offset' });
    case 'set_channel': {
      const channel = numberIn(parameters, 'channel');
      checkChannel(equipment, channel);
      const names = { enabled: 'display', coupling: 'coupling', scale: 'scale', offset: 'offset' };
      return some(equipment, channel, action, parameters, names);
    }
    case 'set_trigger':
      return some(equipment, 1, action, parameters, {
        source: 'trigger.source',
        slope: 'trigger.slope',
        level: 'trigger.level',
      });
    case 'trigger_single':
    case 'trigger_run':
    case 'trigger_stop':
      return [set(equipment, 1, 'acquire', action.slice('trigger_'.length), action)];
    case 'autoscale':
      return [set(equipment, 1, 'autoscale', true, action)];
    default:
      throw unknownCommand(equipment, action);
  }
}

function meterSettings(equipment: Equipment, action: string, parameters: CommandParameters): Setting[] {
  if (action === 'set_function') return some(equipment, 1, action, parameters, { function: 'function' });
  if (action === 'set_range') return some(equipment, 1, action, parameters, { range: 'range' });
  throw unknownCommand(equipment, action);
}

/** Those of the parameters that are given; at least one must be. */
function some(
  equipment: Equipment,
  channel: number,
  action: string,
  parameters: CommandParameters,
  names: Readonly<Record<string, string>>,
): Setting[] {
  const given = Object.entries(names).filter(([key]) => parameters[key] !== undefined && parameters[key] !== null);
  if (given.length === 0)
    throw new LabError('call.invalid', `missing parameter '${Object.keys(names).join("' or '")}'`);
  return given.map(([key, name]) => {
    const value = parameters[key];
    if (typeof value !== 'number' && typeof value !== 'boolean' && typeof value !== 'string')
      throw new LabError('call.invalid', `parameter '${key}' is neither number, switch nor word`);
    return set(equipment, channel, name, value, action);
  });
}

function set(equipment: Equipment, channel: number, name: string, value: ControlValue, action: string): Setting {
  const control = controlOf(equipment, channel, name);
  if (control) return { control: control.id, value };
  const { label } = equipment.instrument;
  throw new LabError(
    'call.invalid',
    `${label} cannot do ${action}: it has no ${name} that a program can set. Nothing was sent.`,
  );
}

function numberIn(parameters: CommandParameters, key: string): number {
  const value = parameters[key];
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new LabError('call.invalid', value === undefined ? `missing parameter '${key}'` : `'${key}' is no number`);
}

function switchIn(parameters: CommandParameters, key: string): boolean {
  const value = parameters[key];
  if (typeof value === 'boolean') return value;
  throw new LabError('call.invalid', value === undefined ? `missing parameter '${key}'` : `'${key}' is no switch`);
}
