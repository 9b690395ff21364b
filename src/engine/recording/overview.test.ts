import { expect, it } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { decodeOverview, encodeOverview, OverviewBuilder } from './overview.ts';
import { previewColumns } from './preview.ts';

it('holds few entries however many cells there are, hides no extreme, and shows a long gap', () => {
  const random = seededRandom(1);
  const builder = new OverviewBuilder();
  const cells: { time: number; min: number; max: number }[] = [];
  let time = 0;
  for (let index = 0; index < 20_000; index++) {
    // A tenth of the whole is missing after three fifths; short pauses are everywhere.
    const isAfterGap = index === 12_000 || random.next() < 0.01;
    time += 1000 + (index === 12_000 ? 2_200_000 : isAfterGap ? 500 : 0);
    const min = random.below(1000) - 500;
    const cell = { time, min, max: min + random.below(50) };
    cells.push(cell);
    builder.add(time, isAfterGap, cell.min, cell.max);
  }
  const entries = builder.entries(5n);
  expect(entries.length).toBeLessThanOrEqual(128);
  expect(entries.length).toBeGreaterThan(32);
  expect(decodeOverview(encodeOverview(3, entries))).toEqual({ channel: 3, entries });
  for (const [at, { tNs, lastNs, min, max }] of entries.entries()) {
    const own = cells.filter((cell) => 5 + cell.time >= tNs && 5 + cell.time <= lastNs);
    expect([min, max]).toEqual([Math.min(...own.map((cell) => cell.min)), Math.max(...own.map((cell) => cell.max))]);
    expect(own[0]?.time).toBe(Number(tNs) - 5);
    expect(Number(entries[at + 1]?.tNs ?? lastNs + 1n)).toBeGreaterThan(Number(lastNs));
  }
  const columns = previewColumns(entries, 5n + 1000n, 5n + BigInt(time), 64);
  // The gap is 6 of 64 columns wide; of those that lie wholly in it nothing is shown.
  expect(columns.filter((column) => column === null).length).toBeGreaterThanOrEqual(4);
  expect(columns.filter((column) => column === null).length).toBeLessThanOrEqual(6);
  expect(columns.indexOf(null)).toBeGreaterThan(30);
});
