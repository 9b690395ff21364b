import { expect, test } from 'vitest';
import { openLab } from '../../../test/lab/lab.ts';
import { listPage } from './list-page.ts';

test('pages follow each other until all rows were there, none twice', () => {
  const rows = Array.from({ length: 1000 }, (_, row) => ({ row, text: 'x'.repeat(row % 50) }));
  const seen: unknown[] = [];
  let pages = 0;
  for (let from: number | null = 0; from !== null; pages++) {
    const page: ReturnType<typeof listPage> = listPage(rows, from, 5000);
    expect(JSON.stringify(page.rows).length).toBeLessThan(6100);
    seen.push(...page.rows);
    from = page.next;
  }
  expect(seen).toEqual(rows);
  expect(pages).toBeGreaterThan(5);
});

test('a row larger than a page is a page; an empty list, and a place behind the end, are an empty one', () => {
  expect(listPage(['x'.repeat(100), 'y'], 0, 10)).toEqual({ rows: ['x'.repeat(100)], next: 1 });
  expect(listPage([], 0)).toEqual({ rows: [], next: null });
  expect(listPage([1], 7)).toEqual({ rows: [], next: null });
});

test('a page behind the end is an empty one, also when nothing was listed before', async () => {
  await using lab = await openLab({ startBench: false });
  const { client } = await lab.screen();
  for (const search of [undefined, 'nothing']) {
    const page = await client.call('recording.list', { from: 5, ...(search ? { search } : {}) });
    expect(page).toMatchObject({ recordings: [], next: null, problem: '' });
  }
});
