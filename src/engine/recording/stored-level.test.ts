import { expect, it } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { encodeIndexBlock, viewIndexBlock } from './page-codec.ts';
import { stretchEnd } from './stored-level.ts';

interface Entry {
  row: number;
  rows: number;
  gap: number;
}

/** By the definition: as far as each goes on where the one before it ended, at the start of the next block. */
function slowEnd(entries: readonly Entry[], start: number, to: number, blockRows: number): number {
  let end = start + 1;
  for (; end < entries.length; end++) {
    const before = entries[end - 1]!;
    const { row, gap } = entries[end]!;
    const isNext = row % blockRows === 0 && Math.floor(before.row / blockRows) + 1 === row / blockRows;
    if (row >= to || gap === 1 || before.row + before.rows !== row || !isNext) break;
  }
  return end;
}

it('a stretch ends before the first gap, whatever else there is', () => {
  const random = seededRandom(7);
  let unbroken = 0;
  for (let turn = 0; turn < 400; turn++) {
    const blockRows = 4 ** random.below(4);
    const entries: Entry[] = [];
    const odds = turn % 3 === 0 ? 1000 : 12;
    let row = random.below(100) * blockRows + (turn % 3 === 0 ? 0 : random.below(blockRows));
    for (let left = 1 + random.below(60); left > 0; left--) {
      const most = blockRows - (row % blockRows);
      const rows = random.below(odds) === 0 ? 1 + random.below(most) : most;
      entries.push({ row, rows, gap: random.below(odds) === 0 ? 1 : 0 });
      row += rows + (random.below(odds) === 0 ? random.below(3 * blockRows) : 0);
    }
    const column = (of: (entry: Entry) => number): number[] => entries.map(of);
    const none = entries.map(() => 0);
    const index = { row: column((e) => e.row), rows: column((e) => e.rows), time: none, step: none };
    const bytes = encodeIndexBlock({ ...index, gap: column((e) => e.gap) }, 0, entries.length);
    const page = { ...viewIndexBlock(bytes, entries.length), length: entries.length, values: [] };
    const start = random.below(entries.length);
    const to = entries[start]!.row + 1 + random.below(row + 1 - entries[start]!.row);
    const end = stretchEnd(page, start, to, blockRows);
    expect(end).toBe(slowEnd(entries, start, to, blockRows));
    if (end - start > 20) unbroken++;
  }
  expect(unbroken).toBeGreaterThan(10);
});
