import { expect, test } from 'vitest';
import { BATCH_FLAG, type Batch, type Column, createBatch } from './batch.ts';
import { type ColumnBlock, ColumnBuilder, columnRow, columnRows, columnsIn, rowsPerColumn } from './decimate.ts';
import { COLUMN_FLAG, mergeFlags, scanExtent } from './extent.ts';
import { PYRAMID_LEVELS, Pyramid } from './pyramid.ts';
import { RowRing } from './ring.ts';
import { type SeededRandom, seededRandom } from './seeded-random.ts';

/** What a column must be, by the slow way. */
function naive(values: number[]): { min: number; max: number; flags: number } {
  const finite = values.filter(Number.isFinite);
  const missing = values.filter(Number.isNaN).length;
  const overload = values.length - finite.length - missing > 0 ? COLUMN_FLAG.overload : 0;
  const gone = missing === 0 ? 0 : missing === values.length ? COLUMN_FLAG.missingAll : COLUMN_FLAG.missingSome;
  return {
    min: finite.length ? Math.min(...finite) : Number.NaN,
    max: finite.length ? Math.max(...finite) : Number.NaN,
    flags: overload | gone,
  };
}

function odd(random: SeededRandom): number {
  const kind = random.below(60);
  if (kind === 0) return Number.NaN;
  if (kind === 1) return Number.POSITIVE_INFINITY;
  if (kind === 2) return Number.NEGATIVE_INFINITY;
  return Math.fround(random.normal());
}

test('extent of any mixture of values, missing and overload', () => {
  const random = seededRandom(1);
  const found = { min: 0, max: 0, flags: 0 };
  for (let turn = 0; turn < 3000; turn++) {
    const values = Array.from({ length: 1 + random.below(6) }, () =>
      turn % 2 ? odd(random) : ([Number.NaN, Number.POSITIVE_INFINITY, 2][random.below(3)] ?? 0),
    );
    scanExtent(Float64Array.from([9, ...values, -9]), 1, 1 + values.length, found);
    expect(found).toEqual(naive(values));
  }
});

test('merged flags are those of both together', () => {
  const { missingAll, missingSome, overload } = COLUMN_FLAG;
  expect(mergeFlags(missingAll, missingAll)).toBe(missingAll);
  expect(mergeFlags(missingAll, 0)).toBe(missingSome);
  expect(mergeFlags(0, missingAll | 0)).toBe(missingSome);
  expect(mergeFlags(overload, missingSome)).toBe(overload | missingSome);
  expect(mergeFlags(0, 0)).toBe(0);
});

test('blocks make the columns that their rows make', () => {
  const random = seededRandom(5);
  for (let turn = 0; turn < 200; turn++) {
    const blockRows = 2 ** random.below(4);
    const n = blockRows * 2 ** random.below(3);
    const rows = 1 + random.below(100);
    const firstRow = random.below(1000);
    // Many blocks without any number.
    const values = Float64Array.from({ length: rows }, () => (random.below(2) ? Number.NaN : odd(random)));
    const whole = new ColumnBuilder(n, [0], true, () => ({ t0Ns: 0n, dtS: 0, isTimed: true }));
    const folded = new ColumnBuilder(n, [0], true, () => ({ t0Ns: 0n, dtS: 0, isTimed: true }));
    const ends = [0, random.below(rows + 1), rows].sort((a, b) => a - b);
    for (const [index, from] of ends.slice(0, -1).entries()) {
      const to = ends[index + 1] as number;
      const isAfterGap = random.below(2) === 0;
      whole.addRows([values], from, to, firstRow + from, isAfterGap, (row) => row);
      // Entries that are not asked for lie before and behind.
      const starts = [-1, -1];
      for (let row = from; row < to; row += blockRows - ((firstRow + row) % blockRows)) starts.push(row);
      const found = starts.slice(2).map((start, at, all) => {
        const extent = { min: 0, max: 0, flags: 0 };
        scanExtent(values, start, all[at + 1] ?? to, extent);
        return extent;
      });
      const filler = { min: -1e9, max: 1e9, flags: 255 };
      const all = [filler, filler, ...found, filler];
      const blocks = {
        blockRows,
        timeS: (block: number) => starts[block] as number,
        min: [Float64Array.from(all, ({ min }) => min)],
        max: [Float64Array.from(all, ({ max }) => max)],
        flags: [Uint8Array.from(all, ({ flags }) => flags)],
      };
      folded.addBlocks(blocks, 2, firstRow + from, firstRow + to, isAfterGap);
    }
    expect(folded.finish(false)).toEqual(whole.finish(false));
  }
});

interface Row {
  number: number;
  values: number[];
  isAfterGap: boolean;
}

/** Columns by the slow way: cut at every multiple of n and at every gap. */
function naiveColumns(
  rows: Row[],
  channels: number[],
  n: number,
): { firstRow: number; rows: number; extents: ReturnType<typeof naive>[]; isAfterGap: boolean }[] {
  const groups: Row[][] = [];
  for (const row of rows) {
    const group = groups[groups.length - 1];
    const isSame = group && !row.isAfterGap && Math.floor(row.number / n) === Math.floor((group[0] as Row).number / n);
    if (isSame) group.push(row);
    else groups.push([row]);
  }
  return groups.map((group) => ({
    firstRow: (group[0] as Row).number,
    rows: group.length,
    isAfterGap: (group[0] as Row).isAfterGap,
    extents: channels.map((channel) => naive(group.map((row) => row.values[channel] as number))),
  }));
}

function flatten(blocks: ColumnBlock[], channels: number): ReturnType<typeof naiveColumns> {
  return blocks.flatMap((block) =>
    Array.from({ length: block.length }, (_, at) => ({
      firstRow: columnRow(block, at),
      rows: columnRows(block, at),
      isAfterGap: at === 0 && block.isAfterGap,
      extents: Array.from({ length: channels }, (_channel, index) => ({
        min: block.min[index]?.[at] as number,
        max: block.max[index]?.[at] as number,
        flags: block.flags?.[index * block.length + at] ?? 0,
      })),
    })),
  );
}

test.each([1, 2, 3, 4, 5, 6])(
  'seeded %d: columns folded from any level equal those of the rows, gaps and all',
  (seed) => {
    const random = seededRandom(seed);
    const pyramid = new Pyramid({ channels: 2, isFloat64: seed % 2 === 0, isTimed: false });
    const ring = new RowRing();
    const rows: Row[] = [];
    let seq = random.below(1000);
    for (let count = 0; count < 60; count++) {
      const isAfterGap = count === 0 || random.below(6) === 0;
      if (isAfterGap) {
        pyramid.break();
        seq += random.below(3) * random.below(200);
      }
      const batch = makeBatch(seq, 1 + random.below(random.below(3) === 0 ? 2500 : 80), random, seed % 2 === 0);
      ring.append(batch, isAfterGap);
      pyramid.append(batch.columns, batch.rows, batch.seq);
      for (let row = 0; row < batch.rows; row++) {
        rows.push({
          number: seq + row,
          values: batch.columns.map((column) => column[row] as number),
          isAfterGap: isAfterGap && row === 0,
        });
      }
      seq += batch.rows;
    }
    for (const n of [1, 2, 16, 32, 64, 128, 512, 1024, 4096, 65536]) {
      const builder = new ColumnBuilder(n, [1, 0], seed % 2 === 0, () => ({ t0Ns: 0n, dtS: 1, isTimed: false }));
      const level = Pyramid.levelFor(n);
      if (level < 0) {
        ring.visit(0, seq, (page, from, to) =>
          builder.addRows(page.columns, from, to, page.firstRow + from, page.isAfterGap && from === 0, () => 0),
        );
      } else {
        pyramid.levels[level]?.visit(0, seq, (page, at) => builder.addEntry(page, at));
        for (let index = level; index >= 0; index--) builder.addOpen(pyramid.open[index] as Pyramid['open'][number]);
      }
      const blocks = builder.finish(true);
      expect(flatten(blocks, 2), `n = ${n}`).toEqual(naiveColumns(rows, [1, 0], n));
      expect(blocks.at(-1)?.isPartial).toBe(seq % n !== 0);
    }
  },
);

function makeBatch(seq: number, rows: number, random: SeededRandom, isFloat64: boolean): Batch {
  const flags = isFloat64 ? BATCH_FLAG.float64 : 0;
  const batch = createBatch({
    stream: 1,
    rows,
    channels: 2,
    flags,
    seq,
    lost: 0,
    t0Ns: 0n,
    arrivedNs: 0n,
    dtS: 1,
    xOriginS: 0,
  });
  for (const column of batch.columns) for (let row = 0; row < rows; row++) column[row] = odd(random);
  return batch;
}

test('the pyramid of a long stream costs a few per cent and letting go keeps the newest', () => {
  const pyramid = new Pyramid({ channels: 8, isFloat64: false, isTimed: false });
  const columns: Column[] = Array.from({ length: 8 }, () => new Float32Array(8192).fill(1));
  let row = 0;
  for (; row < 8192 * 512; row += 8192) pyramid.append(columns, 8192, row);
  expect(pyramid.sizeBytes / (row * 8 * 4)).toBeLessThan(0.05);
  const before = pyramid.firstRowOf(0);
  expect(pyramid.levels[0]?.letGo()).toBeGreaterThan(0);
  expect(pyramid.firstRowOf(0)).toBeGreaterThan(before ?? 0);
  while (pyramid.levels[0]?.letGo()) expect(pyramid.levels[0]?.pages.length).toBeGreaterThan(0);
  expect(pyramid.firstRowOf(1)).toBe(0);
  expect(Pyramid.levelFor(63)).toBe(-1);
  expect(Pyramid.levelFor(64)).toBe(0);
  expect(Pyramid.levelFor(2 ** 31)).toBe(PYRAMID_LEVELS - 1);
});

test('rows are found in the ring by number, small batches share pages, large ones are kept as they are', () => {
  const ring = new RowRing();
  const random = seededRandom(4);
  let seq = 5;
  const seqs: number[] = [];
  for (let count = 0; count < 500; count++) {
    const batch = makeBatch(seq, count % 50 === 0 ? 2000 : 3, random, false);
    ring.append(batch, count === 0 || count % 100 === 99);
    if (batch.rows === 2000) expect(ring.pages.at(-1)?.columns[0]).toBe(batch.columns[0]);
    for (let row = 0; row < batch.rows; row++) seqs.push(seq + row);
    seq += batch.rows;
  }
  expect(ring.pages.length).toBeLessThan(60);
  for (const from of [0, 5, 100, 2004, 2005, 7777, seq - 1, seq]) {
    const got: number[] = [];
    ring.visit(from, from + 2500, (page, start, end) => {
      for (let row = start; row < end; row++) got.push(page.firstRow + row);
    });
    expect(got).toEqual(seqs.filter((row) => row >= from && row < from + 2500));
  }
  expect(ring.pageAt(2006)?.firstRow).toBeLessThanOrEqual(2006);
  const size = ring.sizeBytes;
  const freed = ring.letGo();
  expect(ring.sizeBytes).toBe(size - freed);
  expect(ring.firstRow).toBeGreaterThan(5);
});

test('rows per column and columns of a stretch', () => {
  expect([0, 1, 2, 2.1, 3.9, 4, 833, Number.NaN].map(rowsPerColumn)).toEqual([1, 1, 1, 2, 2, 4, 512, 1]);
  expect(columnsIn(60, 10, 64)).toBe(2);
  expect(columnsIn(64, 64, 64)).toBe(1);
  expect(columnsIn(64, 0, 64)).toBe(0);
});
