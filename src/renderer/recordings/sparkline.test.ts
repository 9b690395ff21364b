import { expect, test } from 'vitest';
import { sparklineStretches } from './sparkline.tsx';

test('a gap ends a stretch and nothing bridges it', () => {
  const stretches = sparklineStretches([[0, 1], [0, 1], null, [0, 1]], 30, 10);
  expect(stretches.map((stretch) => stretch.line)).toEqual(['M0.0 5.0L10.0 5.0', 'M30.0 5.0']);
  expect(stretches[0]?.band).toBe('M0.0 2.0L10.0 2.0L10.0 8.0L0.0 8.0Z');
});

test('a constant lies in the middle, nothing gives nothing', () => {
  expect(sparklineStretches([[5, 5]], 30, 10)[0]?.line).toBe('M0.0 5.0');
  expect(sparklineStretches([], 30, 10)).toEqual([]);
  expect(sparklineStretches([null, null], 30, 10)).toEqual([]);
});
