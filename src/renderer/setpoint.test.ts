import { describe, expect, test } from 'vitest';
import { seededRandom } from '../core/seeded-random.ts';
import { parseQuantity } from '../core/units-parse.ts';
import { differs, limitText, readSetpoint, setpointText, setpointUnit, stepDigit } from './setpoint.ts';

const VOLTS = { unit: 'V', min: 0, max: 32, resolution: 0.001 };
const TIME = { unit: 's', min: 5e-9, max: 50, resolution: 1e-9 };

describe('text', () => {
  test('keeps the digits of the instrument', () => {
    expect(setpointText(5, VOLTS)).toBe('5.000');
    expect(setpointText(-0.0001, VOLTS)).toBe('0.000');
    expect(setpointText(1000, { unit: 'Hz', resolution: 1 })).toBe('1000');
    expect(setpointUnit(5, VOLTS)).toBe('V');
    expect(setpointUnit(10, { unit: 'Ohm', resolution: 0.01 })).toBe('Ω');
    expect(limitText(32, VOLTS)).toBe('32.000 V');
  });

  test('takes a prefix where the steps are very fine', () => {
    expect(setpointText(0.0005, TIME)).toBe('500.0 µs');
    expect(setpointUnit(0.0005, TIME)).toBe('');
    expect(setpointText(0.001, { unit: 's' })).toBe('1.000 ms');
    expect(setpointText(0, { unit: 's' })).toBe('0.000');
    expect(limitText(5e-9, TIME)).toBe('5.000 ns');
  });

  test('what is shown can be sent back', () => {
    const random = seededRandom(11);
    for (let turn = 0; turn < 500; turn++) {
      const value = random.next() * 32;
      const back = readSetpoint(setpointText(value, VOLTS), VOLTS);
      expect(back.ok && Math.abs(back.value - value) <= 0.0005).toBe(true);
    }
  });
});

describe('reading', () => {
  test.each([
    ['3v3', 3.3],
    ['250m', 0.25],
    ['1.2', 1.2],
  ])('%s', (text, value) => {
    expect(readSetpoint(text, VOLTS)).toEqual({ ok: true, value });
  });

  test.each([
    ['33', 'Highest is 32.000 V.'],
    ['-1', 'Lowest is 0.000 V.'],
    ['1.2k', 'Highest is 32.000 V.'],
  ])('%s is refused with the limit named, never clamped', (text, reason) => {
    expect(readSetpoint(text, VOLTS)).toEqual({ ok: false, reason });
  });

  test('what is no quantity says why', () => {
    expect(readSetpoint('5 A', VOLTS)).toMatchObject({ ok: false, reason: expect.stringContaining('in A') });
  });
});

describe('stepping the digit left of the caret', () => {
  test.each([
    ['5.000', 5, 1, '5.001', 5],
    ['5.000', 5, -1, '4.999', 5],
    ['5.000', 4, 1, '5.010', 4],
    ['5.000', 3, 1, '5.100', 3],
    ['5.000', 1, 1, '6.000', 1],
    ['5.000', 2, 1, '6.000', 1],
    ['5.000', 0, 1, '6.000', 1],
    ['9.000', 1, 1, '10.000', 2],
    ['10.000', 1, -1, '0.000', 1],
    ['10.000', 2, -1, '9.000', 1],
    ['31.500', 2, 1, '32.000', 2],
    ['0.000', 5, -1, '0.000', 5],
    ['1000', 4, 1, '1001', 4],
  ] as const)('%s at %d by %d gives %s', (text, caret, direction, next, caretAfter) => {
    const shape = text === '1000' ? { unit: 'Hz', min: 0, max: 1e6, resolution: 1 } : VOLTS;
    expect(stepDigit(text, caret, direction, shape)).toEqual({ text: next, caret: caretAfter });
  });

  test('steps with prefix and unit behind the number', () => {
    expect(stepDigit('500.0 µs', 3, 1, TIME)).toEqual({ text: '501.0 µs', caret: 3 });
    expect(stepDigit('500.0 µs', 8, -1, TIME)).toEqual({ text: '499.9 µs', caret: 5 });
    expect(stepDigit('5.000 ns', 1, -1, TIME)).toEqual({ text: '5.000 ns', caret: 1 });
  });

  test('goes through zero', () => {
    const offset = { unit: 'V', min: -5, max: 5, resolution: 0.01 };
    expect(stepDigit('0.00', 4, -1, offset)).toEqual({ text: '-0.01', caret: 5 });
    expect(stepDigit('-0.01', 5, 1, offset)).toEqual({ text: '0.00', caret: 4 });
    expect(stepDigit('-4.50', 2, -1, offset)).toEqual({ text: '-5.00', caret: 2 });
  });

  test.each(['', '3v3', 'abc', '1e3', '5 A'])('leaves %j alone', (text) => {
    expect(stepDigit(text, 1, 1, VOLTS)).toBeUndefined();
  });

  test('never leaves the limits and never moves against the key', () => {
    const random = seededRandom(5);
    let text = '5.000';
    let caret = 5;
    for (let turn = 0; turn < 5000; turn++) {
      const direction = random.below(2) === 0 ? 1 : -1;
      const before = parseQuantity(text, 'V');
      const next = stepDigit(text, random.below(text.length + 1), direction, VOLTS);
      if (!next || !before.ok) throw new Error(`no step from ${text}`);
      const after = readSetpoint(next.text, VOLTS);
      expect(after.ok, next.text).toBe(true);
      if (after.ok) expect((after.value - before.value) * direction).toBeGreaterThanOrEqual(0);
      expect(next.text).toMatch(/^\d+\.\d{3}$/);
      ({ text, caret } = next);
      expect(caret).toBeLessThanOrEqual(text.length);
    }
  });
});

test('asked and read back differ beyond half a step only', () => {
  expect(differs(5, 5.0004, 0.001)).toBe(false);
  expect(differs(5, 4.998, 0.001)).toBe(true);
  expect(differs(true, false)).toBe(true);
  expect(differs('CC', 'CC')).toBe(false);
  expect(differs(undefined, 5)).toBe(false);
  expect(differs(0, 1e-12)).toBe(true);
});
