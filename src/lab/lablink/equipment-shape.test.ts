import { expect, test } from 'vitest';
import { amountOf } from './amount.ts';
import { parseConsoleLine } from './console-command.ts';
import { commandOf } from './device-controls.ts';
import { channelCount, shapeOf, streamsOf } from './equipment-shape.ts';
import { guessFields, readFields } from './reading-fields.ts';
import { isShippedVersion } from './socket-trust.ts';

function item(type: string, model: string) {
  const none = undefined;
  return {
    id: 'x',
    type,
    model,
    manufacturer: none,
    serial_number: none,
    connection_type: none,
    resource_string: none,
    nickname: none,
  };
}

function status(capabilities: Record<string, unknown>) {
  const none = undefined;
  const said = { id: 'x', connected: true, error: none, firmware_version: '1', error_message: none };
  return { ...said, capabilities, health_score: none };
}

const MOCK = status({
  num_channels: 3,
  max_voltage: '30.0V',
  max_current: '3.0A',
  channels: { ch1: { max_voltage: '30.0V' }, ch2: { max_voltage: '30.0V' }, ch3: { max_voltage: '5.0V' } },
});

test('pitfall 9: capabilities are numbers, or texts with units', () => {
  expect([30, '30.0V', '3.0A', '1GSa/s', '200MHz', '1000pts', ' 5 V ', '1e3'].map(amountOf)).toEqual([
    30, 30, 3, 1e9, 200e6, 1000, 5, 1000,
  ]);
  expect([Number.NaN, 'V', '30 foo', null, {}, true].map(amountOf)).toEqual(Array(6).fill(undefined));
});

test('a supply has the controls of every channel, each with its own limits', () => {
  const { role, controls } = shapeOf(item('power_supply', 'MockPSU-3030'), MOCK);
  expect(role).toBe('supply');
  expect(controls.map(({ id }) => id)).toEqual(
    [1, 2, 3].flatMap((n) => [`ch${n}.voltage.set`, `ch${n}.current.set`, `ch${n}.output`]),
  );
  expect(controls.find(({ id }) => id === 'ch3.voltage.set')).toMatchObject({ unit: 'V', min: 0, max: 5 });
  expect(controls.find(({ id }) => id === 'ch3.current.set')).toMatchObject({ unit: 'A', max: 3 });
  expect(controls.filter(({ isOutput }) => isOutput).map(({ id }) => id)).toEqual([
    'ch1.output',
    'ch2.output',
    'ch3.output',
  ]);
  expect(streamsOf(item('power_supply', 'MockPSU-3030'), MOCK).map(({ name }) => name)).toEqual([
    'readings',
    'readings-ch2',
    'readings-ch3',
  ]);
});

test('channels: as said, as listed, as the model is known, else one; never more than can be', () => {
  expect(channelCount('', { num_channels: 2 })).toBe(2);
  expect(channelCount('', { channels: { ch1: {}, ch2: {} } })).toBe(2);
  expect(channelCount('9130B', {})).toBe(3);
  expect(channelCount('9206B', { max_voltage: 120 })).toBe(1);
  expect(channelCount('', { num_channels: 1e9 })).toBe(16);
  expect(channelCount('', { num_channels: -1 })).toBe(1);
});

test('loads, oscilloscopes, and equipment no driver is known of', () => {
  const load = shapeOf(item('electronic_load', 'MockLoad-300'), status({ max_current: 30, modes: ['CC', 'CV'] }));
  expect(load.controls.map(({ id }) => id)).toEqual(['mode', 'level.cc', 'level.cv', 'input']);
  expect(load.controls.find(({ id }) => id === 'level.cc')).toMatchObject({ unit: 'A', max: 30 });
  const scope = shapeOf(item('oscilloscope', 'MockScope-2000'), status({ num_channels: 4 }));
  expect(scope.waveforms.map(({ channel }) => channel)).toEqual(
    ['ch1', 'ch2', 'ch3', 'ch4'].map((c) => `${c}.voltage`),
  );
  expect(shapeOf(item('blender', 'x'), undefined)).toMatchObject({ role: 'unknown', controls: [] });
});

test('readings of unknown equipment: its numbers and switches with units that fit', () => {
  const fields = guessFields({
    timestamp: 'x',
    channel: 1,
    temperature: 20,
    voltage: 5,
    on: true,
    name: 'n',
    bad_: null,
  });
  expect(fields.map(({ column }) => [column.channel, column.unit])).toEqual([
    ['temperature', 'degC'],
    ['voltage', 'V'],
    ['on', ''],
  ]);
  const columns = fields.map(() => new Float64Array(1));
  expect(readFields(fields, { temperature: 21, voltage: null, on: true }, columns)).toBe(true);
  expect(columns.map(([value]) => value)).toEqual([21, Number.NaN, 1]);
  expect(readFields(fields, {}, columns)).toBe(false);
});

test('controls become commands of the server; what they cannot be is refused before it is sent', () => {
  const supply = shapeOf(item('power_supply', 'MockPSU-3030'), MOCK);
  expect(commandOf(supply, 'ch2.voltage.set', 4)).toEqual(['set_voltage', { voltage: 4, channel: 2 }]);
  expect(commandOf(supply, 'ch2.output', true)).toEqual(['set_output', { enabled: true, channel: 2 }]);
  const load = shapeOf(item('electronic_load', 'MockLoad-300'), undefined);
  expect(commandOf(load, 'level.cr', 10)).toEqual(['set_resistance', { resistance: 10 }]);
  expect(commandOf(load, 'mode', 'CP')).toEqual(['set_mode', { mode: 'CP' }]);
  for (const [id, value] of [
    ['mode', 'XX'],
    ['ch9.output', true],
    ['level.cc', Number.NaN],
  ] as const)
    expect(() => commandOf(load, id, value)).toThrow(/Nothing was sent/);
});

test('console lines: a word and JSON, or a method and a path', () => {
  expect(parseConsoleLine('set_voltage {"channel":1,"voltage":5}')).toEqual({
    word: 'set_voltage',
    path: '',
    parameters: { channel: 1, voltage: 5 },
  });
  expect(parseConsoleLine(' GET /api/alarms?x=1 ')).toMatchObject({ word: 'GET', path: '/api/alarms?x=1' });
  for (const wrong of ['', 'set voltage', 'set_voltage {', 'set_voltage {x}', '{}'])
    expect(() => parseConsoleLine(wrong)).toThrow(/Nothing was sent/);
});

test('versions shipped with the defect: up to 1.2.5, and those that cannot be read', () => {
  expect(['1.2.5', '1.2.4', '1.1.9', '0.9', 'v1.2.5', '', 'dev'].map(isShippedVersion)).toEqual(Array(7).fill(true));
  expect(['1.2.6', '1.3', '2.0.0', '1.10.0'].map(isShippedVersion)).toEqual(Array(4).fill(false));
});
