import { expect, test } from 'vitest';
import { rangeOf, sideBeyond } from './waveform-canvas.ts';

const trace = (low: number[], high: number[]) => ({
  low: Float64Array.from(low),
  high: Float64Array.from(high),
  window: { low: -4, high: 4 },
});

test.each([
  [trace([4.8, 4.9], [5, 5]), 'above'],
  [trace([-6, -5], [-5, -4.5]), 'below'],
  [trace([3, 4.9], [5, 5]), undefined],
  [trace([], []), undefined],
  [{ ...trace([9], [9]), window: undefined }, undefined],
] as const)('a trace is beyond the screen only if none of it is seen', (drawn, side) => {
  expect(sideBeyond(drawn)).toBe(side);
});

test('the range of nothing is ±1', () => {
  expect(rangeOf([])).toEqual({ low: -1, high: 1 });
});
