import { expect, test } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { Computer } from './compute.ts';
import { parseExpression } from './expression.ts';

/** Value of an expression of constants and the channels given. */
function valueFor(text: string, channels: Record<string, number> = {}): number {
  const expression = parseExpression(text);
  const columns = expression.channels.map((channel) => [channels[channel] ?? Number.NaN]);
  return new Computer(expression).compute({ rows: 1, columns, timeOf: () => 0, isAfterGap: true })[0] ?? Number.NaN;
}

test.each([
  ['1 + 2 * 3', 7],
  ['(1 + 2) * 3', 9],
  ['10 - 4 - 3', 3],
  ['24 / 4 / 3', 2],
  ['-2^2', -4],
  ['(-2)^2', 4],
  ['2^3^2', 512],
  ['2^-1', 0.5],
  ['- -3', 3],
  ['1.5e3 + .5', 1500.5],
  ['2 * pi', 2 * Math.PI],
  ['sqrt(16) + abs(-2)', 6],
  ['max(1, 5, 3) - min(4, 2)', 3],
  ['pow(2, 10)', 1024],
  ['ln(exp(3))', 3],
  ['log10(1000)', 3],
  ['atan2(1, 1) * 4', Math.PI],
])('%s is %d', (text, value) => {
  expect(valueFor(text)).toBeCloseTo(value, 12);
});

test('channels stand in braces, each is needed once', () => {
  const text = '{a/ch1.voltage} * {a/ch1.current} + {a/ch1.voltage}';
  expect(parseExpression(text).channels).toEqual(['a/ch1.voltage', 'a/ch1.current']);
  expect(valueFor(text, { 'a/ch1.voltage': 3, 'a/ch1.current': 2 })).toBe(9);
});

test.each([
  '',
  '1 +',
  '(1',
  '1)',
  'foo(1)',
  'x',
  '{}',
  '{a',
  'sin()',
  'sin(1, 2)',
  'pow(2)',
  'd(1)',
  'd(1)/dx',
  '1 2',
  '#',
  '=',
])('%j is refused with the place', (text) => {
  expect(() => parseExpression(text)).toThrowError(
    expect.objectContaining({ code: 'math.malformed', message: expect.stringMatching(/character \d+/) }),
  );
});

test('nesting has a limit', () => {
  expect(() => parseExpression('('.repeat(5000))).toThrowError(expect.objectContaining({ code: 'math.malformed' }));
  expect(() => parseExpression('-'.repeat(5000))).toThrowError(expect.objectContaining({ code: 'math.malformed' }));
});

test('noise is read or refused, nothing else', () => {
  const random = seededRandom(3);
  const pieces = [
    '1',
    '2.5',
    '+',
    '-',
    '*',
    '/',
    '^',
    '(',
    ')',
    ',',
    '{a/b}',
    'd(',
    '/dt',
    'sin(',
    'integral(',
    'max(',
    ' ',
    'é',
    '}',
  ];
  let read = 0;
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: random.below(12) }, () => pieces[random.below(pieces.length)]).join('');
    try {
      parseExpression(text);
      read++;
    } catch (error) {
      expect(error).toMatchObject({ code: 'math.malformed' });
    }
  }
  expect(read).toBeGreaterThan(100);
});

test('the derivative of a square is twice the time, the integral of a line half the square; batch bounds do not matter', () => {
  for (const size of [1, 7, 100]) {
    const slope = new Computer(parseExpression('d({x})/dt'));
    const area = new Computer(parseExpression('integral({y})'));
    const slopes: number[] = [];
    const areas: number[] = [];
    for (let start = 0; start < 100; start += size) {
      const rows = Math.min(size, 100 - start);
      const timeOf = (row: number): number => (start + row) * 0.01;
      const squares = Array.from({ length: rows }, (_, row) => timeOf(row) ** 2);
      const line = Array.from({ length: rows }, (_, row) => timeOf(row));
      slopes.push(...slope.compute({ rows, columns: [squares], timeOf, isAfterGap: start === 0 }));
      areas.push(...area.compute({ rows, columns: [line], timeOf, isAfterGap: start === 0 }));
    }
    expect(slopes[0]).toBeNaN();
    // The slope over one step is the one in its middle.
    for (let row = 1; row < 100; row++) expect(slopes[row]).toBeCloseTo(2 * (row - 0.5) * 0.01, 9);
    for (let row = 0; row < 100; row++) expect(areas[row]).toBeCloseTo((row * 0.01) ** 2 / 2, 12);
  }
});

test('nothing is computed across a gap or a missing sample', () => {
  const slope = new Computer(parseExpression('d({x})/dt'));
  const area = new Computer(parseExpression('integral({x})'));
  const timeOf = (row: number): number => row;
  const first = [1, 2, Number.NaN, 4, 6];
  expect([...slope.compute({ rows: 5, columns: [first], timeOf, isAfterGap: true })]).toEqual([
    Number.NaN,
    1,
    Number.NaN,
    Number.NaN,
    2,
  ]);
  // 1.5 between 1 and 2, nothing at the missing one, 5 between 4 and 6.
  expect([...area.compute({ rows: 5, columns: [first], timeOf, isAfterGap: true })]).toEqual([0, 1.5, 1.5, 1.5, 6.5]);
  const later = (row: number): number => 100 + row;
  expect([...slope.compute({ rows: 2, columns: [[9, 10]], timeOf: later, isAfterGap: true })]).toEqual([Number.NaN, 1]);
  expect([...area.compute({ rows: 2, columns: [[2, 2]], timeOf: later, isAfterGap: true })]).toEqual([6.5, 8.5]);
});
