import { expect, test } from 'vitest';
import { defaultColor } from './channel-color.ts';

test.each([
  ['voltage.dc', 0, 1],
  ['ch1.voltage', 0, 2],
  ['ch2.current', 4, 3],
  ['current', 1, 4],
  ['ch3.waveform', 2, 3],
  ['supply.voltage', 0, 1],
  ['reference.voltage', 9, 2],
])('%s at %i is colour %i', (name, index, color) => {
  expect(defaultColor(name, index)).toBe(color);
});
