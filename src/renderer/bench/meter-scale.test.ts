import { expect, test } from 'vitest';
import type { ChannelState, InstrumentState } from '../../contract/instrument-schema.ts';
import { activeChannel, meterScale } from './meter-scale.ts';

const channel = (piece: Partial<ChannelState> = {}): ChannelState => ({
  id: 'm/voltage.dc',
  instrument: 'm',
  name: 'voltage.dc',
  stream: 'm/poll',
  label: 'DC voltage',
  unit: 'V',
  shownUnit: 'V',
  scale: { gain: 1, offset: 0 },
  color: 1,
  resolution: null,
  rateAskedHz: 10,
  rateGotHz: 10,
  logIntervalS: null,
  recorded: true,
  ...piece,
});
const meter = (range: string, nplc = '10', active = 'voltage.dc'): InstrumentState =>
  ({ status: { range, channel: active }, values: { nplc: { readBack: nplc } } }) as unknown as InstrumentState;

test.each([
  ['10 V', '10', 1e-5, ''],
  ['100 mV', '10', 1e-7, 'm'],
  ['1 kV', '1', 1e-3, ''],
  ['10 V', '0.02', 1e-4, ''],
])('range %s at %s NPLC', (range, nplc, resolution, prefix) => {
  const scale = meterScale(meter(range, nplc), channel());
  expect(scale?.prefix).toBe(prefix);
  expect(scale?.resolution).toBeCloseTo(resolution, 12);
});

test('a shunt: volts of the range become amperes', () => {
  const amps = channel({ scale: { gain: -1000, offset: 0 }, shownUnit: 'A' });
  const scale = meterScale(meter('100 mV'), amps);
  expect(scale?.prefix).toBe('');
  expect(scale?.resolution).toBeCloseTo(1e-4, 12);
});

test('no range, a range of another unit, a known resolution: the channel decides', () => {
  expect(meterScale(meter(''), channel())).toBeUndefined();
  expect(meterScale(meter('1 A'), channel())).toBeUndefined();
  expect(meterScale(meter('10 V'), channel({ resolution: 1e-3 }))).toBeUndefined();
});

test('the channel of the function in force', () => {
  const ohms = channel({ name: 'resistance' });
  expect(activeChannel(meter('', '10', 'resistance'), [channel(), ohms])).toBe(ohms);
  expect(activeChannel(meter('', '10', 'nothing'), [channel(), ohms])?.name).toBe('voltage.dc');
  expect(activeChannel(meter(''), [])).toBeUndefined();
});
