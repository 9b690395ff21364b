import { expect, test } from 'vitest';
import type { ColumnBlock } from '../core/decimate.ts';
import { COLUMN_FLAG } from '../core/extent.ts';
import type { StreamInfo } from '../core/stream-info.ts';
import { ColumnStore } from './column-store.ts';
import type { ColumnsFrameBlock } from './frames.ts';

const T0 = 1_700_000_000_000_000_000n;

function info(id: number): StreamInfo {
  const columns = ['a', 'b'].map((channel) => ({ channel, unit: 'V' }));
  return { id, key: 'x/main', instrument: 'x', epoch: id, kind: 'regular', columns, rateHz: 1 };
}

/** Rows `first` to `end` in columns of 4 rows at 1 Hz; min = row number, max = row number + 0.5. */
function block(
  stream: number,
  first: number,
  end: number,
  extra: Partial<ColumnBlock> = {},
  isRestart = false,
): ColumnsFrameBlock {
  const length = Math.floor((end - 1) / 4) - Math.floor(first / 4) + 1;
  const rows = Float32Array.from({ length }, (_, index) => (index === 0 ? first : (Math.floor(first / 4) + index) * 4));
  const columns: ColumnBlock = {
    n: 4,
    firstRow: first,
    rows: end - first,
    length,
    t0Ns: T0 + BigInt(first) * 1_000_000_000n,
    dtS: 1,
    timeS: undefined,
    min: [rows],
    max: [rows.map((row) => row + 0.5)],
    flags: undefined,
    isAfterGap: false,
    isPartial: end % 4 !== 0,
    ...extra,
  };
  return { kind: 'columns', id: 1, isReply: false, stream, isRestart, channels: [1], columns };
}

const rowsOf = (store: ColumnStore, channel = 'x/b'): number[] => [...(store.columns(channel)?.firstRow ?? [])];

test('the partial newest column is replaced, the next goes on behind it', () => {
  const store = new ColumnStore();
  store.setStreams([info(1)]);
  store.apply(block(1, 0, 10));
  expect(rowsOf(store)).toEqual([0, 4, 8]);
  expect([...(store.columns('x/b')?.flags ?? [])]).toEqual([0, 0, COLUMN_FLAG.partial]);
  store.apply(block(1, 8, 12));
  store.apply(block(1, 12, 13));
  expect(rowsOf(store)).toEqual([0, 4, 8, 12]);
  expect([...(store.columns('x/b')?.timeS ?? [])]).toEqual([0, 4, 8, 12]);
  expect([...(store.columns('x/b')?.max ?? [])]).toEqual([0.5, 4.5, 8.5, 12.5]);
  expect(store.lastRows()).toEqual([{ key: 'x/main', epoch: 1, row: 12 }]);
  expect(store.columns('x/a'), 'not watched').toBeUndefined();
  expect(store.columns('x/nobody')).toBeUndefined();
});

test('a gap is marked, also when the column behind it is sent again', () => {
  const store = new ColumnStore();
  store.setStreams([info(1)]);
  store.apply(block(1, 0, 6));
  store.apply(block(1, 7, 8, { isAfterGap: true }));
  expect(rowsOf(store)).toEqual([0, 4, 7]);
  expect(store.columns('x/b')?.flags[2]).toBe(COLUMN_FLAG.gap);
  store.apply({ kind: 'skipped', id: 1, isReply: false, stream: 1, from: 8, to: 40, reason: 'window' });
  expect(store.skippedRows).toBe(32);
  store.apply(block(1, 40, 42));
  store.apply(block(1, 40, 43));
  expect(rowsOf(store)).toEqual([0, 4, 7, 40]);
  expect(store.columns('x/b')?.flags[3]).toBe(COLUMN_FLAG.gap | COLUMN_FLAG.partial);
});

test('a restart clears the stream and only it', () => {
  const store = new ColumnStore();
  store.setStreams([info(1), info(2)]);
  store.apply(block(1, 0, 8));
  store.apply(block(2, 100, 108));
  const before = store.revision;
  store.apply(block(1, 4, 8, {}, true));
  expect(rowsOf(store)).toEqual([4, 100, 104]);
  expect(store.columns('x/b')?.flags[1]).toBe(COLUMN_FLAG.gap);
  expect(store.revision).toBeGreaterThan(before);
});

test('the window slides for ever in bounded arrays', () => {
  const store = new ColumnStore({ maxColumns: 100, originNs: T0 });
  store.setStreams([info(1)]);
  for (let row = 0; row < 40_000; row += 12) {
    store.apply(block(1, row, row + 12));
    const rows = rowsOf(store);
    expect(rows.length).toBeLessThanOrEqual(100);
    expect(rows.at(-1)).toBe(row + 8);
    expect(rows[0]).toBe(Math.max(0, row + 12 - 400));
  }
  const columns = store.columns('x/b');
  expect(columns?.timeS.buffer.byteLength).toBeLessThan(20_000);
  expect([...(columns?.timeS ?? [])]).toEqual([...(columns?.min ?? [])]);
});

test('pruning keeps one column before the edge; streams no longer known go', () => {
  const store = new ColumnStore();
  store.setStreams([info(1)]);
  store.apply(block(1, 0, 40));
  store.prune(21);
  expect(rowsOf(store)).toEqual([20, 24, 28, 32, 36]);
  store.prune(1000);
  expect(rowsOf(store)).toEqual([36]);
  store.setStreams([]);
  store.prune(1000);
  store.setStreams([info(1)]);
  expect(rowsOf(store)).toEqual([]);
  expect(store.lastRows()).toEqual([]);
});

test('blocks may come before the streams are known, and with Float64 columns', () => {
  const store = new ColumnStore();
  const values = Float64Array.of(1 / 3);
  store.apply(block(1, 0, 3, { min: [values], max: [values] }));
  expect(store.columns('x/b')).toBeUndefined();
  store.setStreams([info(1)]);
  expect(store.columns('x/b')?.min[0]).toBe(1 / 3);
  store.clear();
  expect(store.columns('x/b')).toBeUndefined();
});
