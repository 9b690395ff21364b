import { LabError } from '../../core/errors.ts';
import type { ControlValue, InstrumentShape } from '../../core/instrument.ts';
import { loadReadings, supplyReadings } from '../../protocol/lab/lablink-rest.ts';
import type { Controls } from '../equipment.ts';
import type { DeviceCommand } from './device-command.ts';
import { LOAD_LEVELS } from './equipment-shape.ts';

/** Sends one command of the equipment. */
export type Send = (action: string, parameters: DeviceCommand['parameters']) => Promise<unknown>;

/** Settings as the instrument says they are; what it does not say is left out. */
export async function readDevice(shape: InstrumentShape, send: Send): Promise<Controls> {
  switch (shape.role) {
    case 'supply': {
      const groups = shape.controls.flatMap(({ id, group }) => (id.endsWith('.output') ? [group] : []));
      const each = [];
      // One after the other: the server reads a supply's channels in turn anyway.
      for (const group of groups) each.push(await readSupply(group, send));
      return Object.assign({}, ...each) as Controls;
    }
    case 'load':
      return readLoad(send);
    default:
      return {};
  }
}

async function readSupply(group: string, send: Send): Promise<Controls> {
  const data = supplyReadings.parse(await send('get_readings', { channel: Number(group.slice(2)) }));
  return pick({
    [`${group}.voltage.set`]: data.voltage_set,
    [`${group}.current.set`]: data.current_set,
    [`${group}.output`]: data.output_enabled,
  });
}

async function readLoad(send: Send): Promise<Controls> {
  const data = loadReadings.parse(await send('get_readings', {}));
  const level = LOAD_LEVELS.find(({ mode }) => mode === data.mode);
  return pick({ mode: data.mode, input: data.load_enabled, ...(level ? { [level.id]: data.setpoint } : {}) });
}

function pick(values: Record<string, ControlValue | undefined>): Controls {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Controls;
}

/** The command that sets a control. Throws call.invalid for a value or control it does not have. */
export function commandOf(shape: InstrumentShape, id: string, value: ControlValue): [string, Record<string, unknown>] {
  const control = shape.controls.find((known) => known.id === id);
  if (!control) throw new LabError('call.invalid', `There is no control ${id}. Nothing was sent.`);
  if (control.kind === 'number' && !Number.isFinite(value))
    throw new LabError('call.invalid', `${id} takes a number. Nothing was sent.`);
  if (control.kind === 'choice' && !(control.choices ?? []).includes(String(value)))
    throw new LabError('call.invalid', `${id} is one of ${(control.choices ?? []).join(', ')}. Nothing was sent.`);
  const enabled = value === true || value === 1;
  const supply = /^ch(\d+)\.(voltage\.set|current\.set|output)$/.exec(id);
  if (supply) {
    const channel = Number(supply[1]);
    if (supply[2] === 'output') return ['set_output', { enabled, channel }];
    const quantity = supply[2] === 'voltage.set' ? 'voltage' : 'current';
    return [`set_${quantity}`, { [quantity]: Number(value), channel }];
  }
  const level = LOAD_LEVELS.find((known) => known.id === id);
  if (level) return [`set_${level.parameter}`, { [level.parameter]: Number(value) }];
  switch (id) {
    case 'mode':
      return ['set_mode', { mode: String(value) }];
    case 'input':
      return ['set_input', { enabled }];
    case 'acquire':
      return [`trigger_${String(value)}`, {}];
    case 'autoscale':
      return ['autoscale', {}];
    default:
      throw new LabError('call.invalid', `${id} cannot be set. Nothing was sent.`);
  }
}

/** The group's settings after a change, where they can be read. */
export async function readBack(shape: InstrumentShape, id: string, send: Send): Promise<Controls> {
  if (shape.role === 'supply') return readSupply(id.split('.')[0] ?? 'ch1', send);
  return shape.role === 'load' ? readLoad(send) : {};
}
