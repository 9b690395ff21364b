import { expect, test } from 'vitest';
import type { OutputLimits } from './limits.ts';
import { excessOf } from './measured-watch.ts';

const columns = [
  { channel: 'ch1.voltage', unit: 'V' },
  { channel: 'ch1.current', unit: 'A' },
  { channel: 'ch2.voltage', unit: 'V' },
  { channel: 'ch2.power', unit: 'W' },
  { channel: 'ch1.temperature', unit: '°C' },
];
const limits: OutputLimits = { maxV: 5, maxA: 2, maxW: 8, minV: 3, unarmed: [], device: 'Board' };

test.each<[string, number[], boolean, string | undefined]>([
  ['within', [4, 1, 4, 4, 90], false, undefined],
  ['within the tolerance of 2 %', [5.09, 0, 0, 0, 0], false, undefined],
  ['voltage', [5.11, 0, 0, 0, 0], false, 'voltage 5.11 V above 5 V'],
  ['current, either way', [0, -2.1, 0, 0, 0], false, 'current -2.1 A above 2 A'],
  ['power of V × I', [4.9, 1.9, 0, 0, 0], false, 'power 9.31 W above 8 W'],
  ['power as measured', [0, 0, 0, 8.5, 0], false, 'power 8.5 W above 8 W'],
  ['overload', [Number.POSITIVE_INFINITY, 0, 0, 0, 0], false, 'voltage Infinity V above 5 V'],
  ['missing values say nothing', [Number.NaN, Number.NaN, Number.NaN, Number.NaN, 0], false, undefined],
  ['a supply under the lowest voltage', [1, 1, 0, 0, 0], false, undefined],
  ['a load that draws from under the lowest voltage', [2.5, 1, 4, 0, 0], true, 'voltage 2.5 V below 3 V'],
  ['a load that draws nothing', [2.5, 0, 4, 0, 0], true, undefined],
])('%s', (_, values, isLoad, text) => {
  expect(excessOf(columns, values, isLoad, () => limits)?.text).toBe(text);
});

test('only outputs with limits are watched; the whole instrument has the group without a name', () => {
  expect(excessOf(columns, [9, 9, 9, 9, 9], false, (group) => (group === 'ch2' ? limits : undefined))?.group).toBe(
    'ch2',
  );
  const plain = [{ channel: 'voltage', unit: 'V' }];
  expect(excessOf(plain, [9], true, (group) => (group === '' ? limits : undefined))?.group).toBe('');
});

test('volts that are not at the output do not trip it, also while those at the output are missing', () => {
  const supply = [
    { channel: 'ch1.input', unit: 'V' },
    { channel: 'ch1.voltage', unit: 'V' },
  ];
  expect(excessOf(supply, [65, 4], false, () => limits)).toBeUndefined();
  expect(excessOf(supply, [65, Number.NaN], false, () => limits)).toBeUndefined();
  expect(excessOf(supply, [65, 6], false, () => limits)?.text).toBe('voltage 6 V above 5 V');
  const unnamed = [{ channel: 'ch1.volts', unit: 'V' }];
  expect(excessOf(unnamed, [6], false, () => limits)?.text).toBe('voltage 6 V above 5 V');
});
