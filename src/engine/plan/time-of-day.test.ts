import { expect, test } from 'vitest';
import { passed } from './time-of-day.ts';

const at = (text: string): number => new Date(`2026-03-10T${text}`).getTime();

test.each([
  ['22:00', '21:59:59', '22:00:00', true],
  ['22:00', '22:00:00', '22:00:01', false],
  ['22:00', '21:58:00', '22:05:00', true],
  // A jump of hours (sleep, a clock that was set): only what lies in the last ten minutes counts.
  ['22:00', '20:00:00', '23:00:00', false],
  ['22:55', '20:00:00', '23:00:00', true],
  // Set back: nothing is passed.
  ['22:00', '23:00:00', '21:00:00', false],
])('%s between %s and %s: %s', (time, before, now, expected) => {
  expect(passed(time, at(before), at(now))).toBe(expected);
});

test('over midnight', () => {
  const before = new Date('2026-03-10T23:59:59').getTime();
  const now = new Date('2026-03-11T00:00:01').getTime();
  expect(passed('00:00', before, now)).toBe(true);
  expect(passed('23:59', before, now)).toBe(false);
});
