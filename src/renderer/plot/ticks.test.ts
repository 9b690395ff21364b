import { describe, expect, test } from 'vitest';
import { clockText, durationText } from './clock-text.ts';
import { timeStep, timeTicks } from './time-ticks.ts';
import { valueTicks } from './value-ticks.ts';

const AXIS = { originMs: Date.UTC(2025, 2, 4, 14, 30, 0), zoneMinutes: 0, zeroS: 0 };

describe('value ticks', () => {
  test('one prefix, one number of decimals', () => {
    expect(valueTicks(4.8, 5.2, 'V', 200).labels).toEqual(['4.8', '4.9', '5.0', '5.1', '5.2']);
    const milli = valueTicks(-0.004, 0.012, 'A', 200);
    expect(milli.unit).toBe('mA');
    expect(milli.labels).toEqual(['0', '5', '10']);
    expect(valueTicks(-0.004, 0.012, 'A', 500).labels[0]).toBe('\u22124');
  });

  test('zero is 0, not -0', () => {
    const { values, labels } = valueTicks(-1, 1, 'V', 200);
    expect(values.some((value) => Object.is(value, -0))).toBe(false);
    expect(labels).toContain('0.0');
  });

  test('degrees take no prefix', () => {
    expect(valueTicks(20, 2000, 'degC', 200).unit).toBe('°C');
  });

  test('never more than fits, whatever the limits', () => {
    for (const [low, high] of [
      [0, 1e-12],
      [1e9, 1e9 + 1],
      [-1e30, 1e30],
    ] as const) {
      expect(valueTicks(low, high, 'V', 300).values.length).toBeLessThanOrEqual(12);
    }
  });
});

describe('time ticks', () => {
  test('steps of the clock above a second, 1, 2, 5 below', () => {
    expect([0.003, 0.2, 1.2, 11, 40, 400, 5000].map(timeStep)).toEqual([0.005, 0.2, 2, 15, 60, 600, 7200]);
  });

  test('wall clock', () => {
    const ticks = timeTicks(0, 360, 600, { ...AXIS, style: 'absolute' });
    expect(ticks.labels).toEqual(['14:30', '14:31', '14:32', '14:33', '14:34', '14:35', '14:36']);
    expect(ticks.values).toEqual([0, 60, 120, 180, 240, 300, 360]);
  });

  test('local zone and midnight', () => {
    const ticks = timeTicks(0, 36_000, 900, { ...AXIS, zoneMinutes: 330, style: 'absolute' });
    // 14:30 UTC is 20:00 in UTC+5:30; midnight comes after four hours and says the day.
    expect(ticks.values[ticks.labels.indexOf('03-05')]).toBeCloseTo(4 * 3600, 6);
  });

  test('milliseconds and microseconds', () => {
    expect(timeTicks(0, 0.01, 500, { ...AXIS, style: 'absolute' }).labels[1]).toBe('14:30:00.002');
    expect(timeTicks(-2e-6, 2e-6, 400, { ...AXIS, style: 'relative' }).labels).toEqual([
      '\u22122 µs',
      '\u22121 µs',
      '0 µs',
      '1 µs',
      '2 µs',
    ]);
  });

  test('seconds since zero', () => {
    expect(timeTicks(-10, 30, 400, { ...AXIS, style: 'relative' }).labels).toEqual([
      '\u221210 s',
      '0 s',
      '10 s',
      '20 s',
      '30 s',
    ]);
    expect(timeTicks(3600, 3840, 400, { ...AXIS, style: 'relative' }).labels[0]).toBe('1:00');
  });

  test('rounding never shows 60 seconds', () => {
    expect(clockText(59.9996, 3)).toBe('00:01:00.000'.slice(0, 12));
    expect(durationText(3723)).toBe('1:02:03');
    expect(durationText(65)).toBe('1:05');
  });
});
