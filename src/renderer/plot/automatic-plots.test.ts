import { expect, test } from 'vitest';
import type { Role } from '../../core/instrument.ts';
import { automaticPlots, benchPlots, isAutomatic, ownPlot } from './automatic-plots.ts';
import type { PlotChannel } from './plot-channel.ts';

function channel(role: Role, name: string, unit: string, piece: Partial<PlotChannel> = {}): PlotChannel {
  const isQuick = role === 'stream';
  const seen = { label: name, color: 1, gain: 1, offset: 0, resolution: null };
  return {
    id: `${role}/${name}`,
    instrument: role,
    name,
    group: role,
    role,
    unit,
    ...seen,
    isWaveform: false,
    isQuick,
    isActive: true,
    ...piece,
  };
}

const BENCH = [
  channel('scope', 'ch1.waveform', 'V', { isWaveform: true }),
  channel('scope', 'ch1.vpp', 'V'),
  channel('stream', 'supply.voltage', 'V'),
  channel('stream', 'load.voltage', 'V'),
  channel('stream', 'supply.current', 'A'),
  channel('stream', 'load.current', 'A'),
  channel('stream', 'dut.temperature', 'degC'),
  channel('stream', 'dut.voltage', 'V'),
  channel('load', 'voltage', 'V'),
  channel('load', 'current', 'A'),
  ...['ch1', 'ch2', 'ch3'].flatMap((group) => [
    channel('supply', `${group}.voltage`, 'V'),
    channel('supply', `${group}.current`, 'A'),
    channel('supply', `${group}.power`, 'W'),
  ]),
  channel('meter', 'voltage.ac', 'V', { isActive: false }),
  channel('meter', 'voltage.dc', 'V'),
];
const WANTED = [
  ['meter/voltage.dc', 'supply/ch1.voltage', 'supply/ch1.current', 'load/current'],
  ['stream/supply.voltage', 'stream/load.voltage', 'stream/supply.current', 'stream/load.current'],
];

test('by role, whatever came first', () => {
  expect(automaticPlots(BENCH).map((plot) => plot.channels)).toEqual(WANTED);
  expect(automaticPlots(BENCH.toReversed()).map((plot) => plot.channels[0])).toEqual([
    'meter/voltage.dc',
    'stream/dut.voltage',
  ]);
});

test('a scope alone shows what it measures, never its waveforms', () => {
  expect(automaticPlots(BENCH.slice(0, 2)).map((plot) => plot.channels)).toEqual([['scope/ch1.vpp']]);
  expect(automaticPlots(BENCH.slice(0, 1))).toEqual([]);
});

test('what a person changed stays, the rest follows the bench', () => {
  const [first, second] = automaticPlots(BENCH.filter((one) => one.role !== 'load'));
  if (!first || !second) throw new Error('two plots expected');
  const own = ownPlot({ ...second, channels: ['stream/dut.temperature'] });
  expect(isAutomatic(own)).toBe(false);
  const plots = benchPlots([first, own], BENCH);
  expect(plots.map((plot) => plot.channels)).toEqual([WANTED[0], ['stream/dut.temperature']]);
  expect(benchPlots([own], BENCH)).toEqual([own]);
});
