import { describe, expect, test } from 'vitest';
import { seededRandom } from './seeded-random.ts';
import { fromScpiNumber, parseScpiNumber, parseUnit, unitSymbol } from './units.ts';
import { choosePrefix, formatQuantity, groupDigits } from './units-format.ts';
import { parseQuantity } from './units-parse.ts';

const value = (text: string, unit = 'V'): number | string => {
  const parsed = parseQuantity(text, unit);
  return parsed.ok ? parsed.value : parsed.reason;
};
const shown = (number: number, unit = 'V', options: Parameters<typeof formatQuantity>[2] = {}): string =>
  formatQuantity(number, unit, { separator: ' ', ...options }).text;

describe('what an engineer types', () => {
  test.each([
    ['3v3', 'V', 3.3],
    ['3V3', 'V', 3.3],
    ['-3v3', 'V', -3.3],
    ['250m', 'V', 0.25],
    ['1.2k', 'V', 1200],
    ['1.2K', 'V', 1200],
    ['4.7u', 'F', 4.7e-6],
    ['4.7µ', 'F', 4.7e-6],
    ['4.7\u03bcF', 'F', 4.7e-6],
    ['4u7', 'F', 4.7e-6],
    ['4u7F', 'F', 4.7e-6],
    ['4k7', 'Ohm', 4700],
    ['2R2', 'Ohm', 2.2],
    ['1MΩ', 'Ohm', 1e6],
    ['10 kohm', 'Ohm', 10_000],
    ['1meg', 'Ohm', 1e6],
    ['1e-3', 'A', 0.001],
    ['1E3', 'V', 1000],
    ['1e3 mV', 'V', 1],
    ['5 V', 'V', 5],
    ['5v', 'V', 5],
    ['.5', 'V', 0.5],
    ['5.', 'V', 5],
    ['+12', 'V', 12],
    ['\u22125', 'V', -5],
    ['1.5 MHz', 'Hz', 1.5e6],
    ['20mhz', 'Hz', 0.02],
    ['25 °C', 'degC', 25],
    ['50 %', '%', 50],
    ['1.2k', '', 1200],
    ['0', 'V', 0],
    ['4.987 62 V', 'V', 4.98762],
    ['1 234.567\u202f8', 'V', 1234.5678],
    ['5 m', 'm', 5],
    ['5 mm', 'm', 0.005],
    ['2 T', 'T', 2],
    ['10 ms', 's', 0.01],
    ['300 K', 'K', 300],
  ])('%s as %s', (text, unit, expected) => {
    expect(value(text, unit)).toBe(expected);
  });

  test.each([
    ['', 'V', /Type a number/],
    ['abc', 'V', /not a number/],
    ['1,5', 'V', /comma/],
    ['5 A', 'V', /in A; this takes V/],
    ['5mA', 'V', /in A; this takes V/],
    ['3a3', 'V', /in A; this takes V/],
    ['5 V', '', /plain number/],
    ['5 xyz', 'V', /neither/],
    ['3x3', 'V', /neither/],
    ['4k7A', 'V', /in A/],
    ['1 2', 'V', /not a number/],
    ['1 23', 'V', /not a number/],
    ['1.2.3', 'V', /not a number/],
    ['m', 'V', /not a number/],
    ['--5', 'V', /not a number/],
    ['1e', 'V', /neither/],
    ['1e400', 'V', /too large/],
    ['0x10', 'V', /neither/],
    ['NaN', 'V', /not a number/],
    ['Infinity', 'V', /not a number/],
    ['5 S', 's', /in S; this takes s/],
  ])('%s for %s is refused with a reason', (text, unit, reason) => {
    expect(value(text, unit)).toMatch(reason);
  });

  test('what is shown can be typed back', () => {
    const random = seededRandom(7);
    for (let turn = 0; turn < 2000; turn++) {
      const number = (random.next() - 0.5) * 10 ** (random.below(20) - 9);
      const text = formatQuantity(number, 'V', { digits: 9 }).text;
      const back = parseQuantity(text, 'V');
      expect(back.ok && Math.abs(back.value / number - 1) < 1e-7, `${number} shown as ${text}`).toBe(true);
    }
  });

  test('noise never throws and never gives a number that is not finite', () => {
    const random = seededRandom(3);
    const letters = '0123456789.,eE+-kKmMuµVvAaR Ω\u202f%°CxX';
    for (let turn = 0; turn < 5000; turn++) {
      const text = Array.from({ length: random.below(9) }, () => letters[random.below(letters.length)]).join('');
      const parsed = parseQuantity(text, 'V');
      if (parsed.ok) expect(Number.isFinite(parsed.value)).toBe(true);
      else expect(parsed.reason.length).toBeGreaterThan(5);
    }
  });
});

describe('what a person reads', () => {
  test.each([
    [4.98762, 'V', { resolution: 1e-5 }, '4.987 62 V'],
    [5, 'V', { resolution: 1e-3 }, '5.000 V'],
    [0.25, 'A', {}, '250.00 mA'],
    [-0.0005, 'A', {}, '−500.00 µA'],
    [1234.5, 'Ohm', {}, '1.234 5 kΩ'],
    [0, 'V', {}, '0.000 0 V'],
    [-0, 'V', { resolution: 0.001 }, '0.000 V'],
    [-0.0001, 'V', { resolution: 0.001 }, '0.000 V'],
    [0.9999996, 'V', {}, '1.000 0 V'],
    [0.9999996, 'V', { resolution: 1e-6 }, '1.000 000 V'],
    [0.0123, 'V', { resolution: 1e-4 }, '12.3 mV'],
    [999.9999, 'V', {}, '1.000 0 kV'],
    [1500, 's', {}, '1 500.0 s'],
    [0.0015, 's', {}, '1.500 0 ms'],
    [21.5, 'degC', { resolution: 0.01 }, '21.50 °C'],
    [1310, 'nm', { resolution: 0.1 }, '1 310.0 nm'],
    [0.5, '%', { digits: 3 }, '0.500 %'],
    [12_345_678, '', {}, '12 345 678'],
    [1.5e12, '', {}, '1.500 0e12'],
    [1.5e-7, '', {}, '1.500 0e-7'],
    [1.5e-16, 'A', { digits: 3 }, '0.150 fA'],
    [2, 'V', { prefix: 'm' as const, digits: 5 }, '2 000.0 mV'],
    [2, 'V', { plus: true, digits: 2 }, '+2.0 V'],
    [0.1, 'V', { separator: '' }, '100.00 mV'],
    [Number.POSITIVE_INFINITY, 'V', { previous: 'm' as const }, 'OL mV'],
    [Number.NEGATIVE_INFINITY, 'V', {}, '−OL V'],
    [Number.NaN, 'V', {}, '— V'],
    [Number.NaN, '', {}, '—'],
  ])('%d %s', (number, unit, options, expected) => {
    expect(shown(number, unit, options)).toBe(expected);
  });

  test('states', () => {
    expect(formatQuantity(1, 'V').state).toBe('value');
    expect(formatQuantity(Number.NaN, 'V').state).toBe('missing');
    expect(formatQuantity(Number.POSITIVE_INFINITY, 'V').state).toBe('overload');
  });

  test('a value that hovers keeps its prefix, a fixed one is fixed', () => {
    expect(choosePrefix(0.95, 'V', { previous: '' })).toBe('');
    expect(choosePrefix(0.95, 'V', { previous: 'm' })).toBe('m');
    expect(choosePrefix(0.7, 'V', { previous: '' })).toBe('m');
    expect(choosePrefix(1.01, 'V', { previous: 'm' })).toBe('');
    expect(choosePrefix(0, 'V', { previous: 'm' })).toBe('m');
    expect(choosePrefix(20, 'degC', { previous: 'm' })).toBe('');
    expect(choosePrefix(Number.NaN, 'V')).toBe('');
  });

  test('digits are grouped on both sides of the point', () => {
    expect(groupDigits('1234567.1234567', ' ')).toBe('1 234 567.123 456 7');
    expect(groupDigits('123')).toBe('123');
  });

  test('every magnitude shows one to three digits before the point and the asked digits', () => {
    for (let exponent = -14; exponent <= 13; exponent++) {
      for (const factor of [1, 1.5, 9.99994, 9.99996]) {
        const { number } = formatQuantity(factor * 10 ** exponent, 'V', { separator: '' });
        expect(number.replace('.', ''), number).toMatch(/^\d{5}$/);
        expect(number.split('.')[0]?.length).toBeLessThanOrEqual(3);
      }
    }
  });
});

test('units', () => {
  expect(unitSymbol('Ohm')).toBe('Ω');
  expect(unitSymbol('V')).toBe('V');
  expect(parseUnit('hz', 'Hz')).toBe('Hz');
  expect(parseUnit('s', 'S')).toBe('s');
  expect(parseUnit('hz', 'V')).toBe('Hz');
  expect(parseUnit('q', 'V')).toBeUndefined();
});

test.each([
  ['1.5', 1.5],
  [' +1.50000000E+00\n', 1.5],
  ['-2', -2],
  ['.5', 0.5],
  ['9.9E37', Number.POSITIVE_INFINITY],
  ['+9.90000000E+37', Number.POSITIVE_INFINITY],
  ['-9.9E37', Number.NEGATIVE_INFINITY],
  ['9.91E37', Number.NaN],
  ['9.9999E37', Number.POSITIVE_INFINITY],
  ['1E400', Number.POSITIVE_INFINITY],
  ['INF', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['NINF', Number.NEGATIVE_INFINITY],
  ['NAN', Number.NaN],
  ['9.8E37', 9.8e37],
  ['', undefined],
  ['1.5V', undefined],
  ['1,2', undefined],
  ['0x10', undefined],
])('SCPI number %s', (text, expected) => {
  expect(parseScpiNumber(text)).toEqual(expected);
});

test('single precision of the SCPI numbers', () => {
  expect(fromScpiNumber(Math.fround(9.9e37))).toBe(Number.POSITIVE_INFINITY);
  expect(fromScpiNumber(Math.fround(9.91e37))).toBeNaN();
  expect(fromScpiNumber(Math.fround(-9.9e37))).toBe(Number.NEGATIVE_INFINITY);
  expect(fromScpiNumber(Number.NaN)).toBeNaN();
});
