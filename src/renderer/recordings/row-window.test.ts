import { expect, test } from 'vitest';
import { rowWindow } from './row-window.ts';

const tens = (): number => 10;
const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

test('of a short list all rows are there', () => {
  expect(rowWindow(3, tens, { top: 0, height: 500 })).toEqual({ rows: [0, 1, 2], gaps: [0, 0, 0, 0] });
  expect(rowWindow(0, tens, { top: 0, height: 500 })).toEqual({ rows: [], gaps: [0] });
});

test('of a long list those looked at are there, some around them, and the kept ones; gaps stand for the rest', () => {
  const { rows, gaps } = rowWindow(5000, tens, { top: 20_000, height: 100 }, [7, -1, 5000]);
  expect(rows).toEqual([7, ...Array.from({ length: 40 }, (_, index) => 1985 + index)]);
  expect(gaps[0]).toBe(70);
  expect(gaps[1]).toBe(19_770);
  expect(sum(gaps) + rows.length * 10).toBe(50_000);
});

test('rows of different heights stand where they are', () => {
  const heightOf = (index: number): number => (index % 2 === 0 ? 40 : 60);
  const { rows, gaps } = rowWindow(1000, heightOf, { top: 25_000, height: 300 });
  expect(rows[0]).toBe(500 - 15);
  expect(gaps[0]).toBe(sum(Array.from({ length: 485 }, (_, index) => heightOf(index))));
  expect(sum(gaps) + sum(rows.map(heightOf))).toBe(50_000);
});

test('looked at behind the end, the last ones are there', () => {
  expect(rowWindow(100, tens, { top: 9_000, height: 300 }).rows.at(-1)).toBe(99);
});
