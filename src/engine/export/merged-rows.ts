import type { Batch, Column } from '../../core/batch.ts';
import { ChunkSource } from './chunk-source.ts';
import type { ChannelField } from './exported-channel.ts';
import { writeMoments } from './moments.ts';
import type { StreamCursor, TimeBase } from './stream-cursor.ts';
import type { TableBlock, TablePlan, TableSource } from './table.ts';
import { BlockSpace, openCursors, shareOf } from './table.ts';

/** The base moves on when rows are that far from it; times are exact to 2^53. */
const REBASE_NS = 2 ** 50;

/**
 * Rows as measured: one for each distinct time at which anything was measured, streams of different clocks side by side; nothing is
 * interpolated and nothing repeated. Rows of one stream at one and the same ns stay rows of their own.
 */
export async function* mergedRows(plan: TablePlan, mostRows?: number): AsyncGenerator<TableBlock> {
  const base: TimeBase = { ns: plan.fromNs };
  const cursors = await openCursors(plan, base, new ChunkSource(plan.recording));
  const space = new BlockSpace(plan, mostRows);
  for (;;) {
    moveBase(base, cursors);
    space.clear();
    const rows = await fillBlock(plan, cursors, space);
    if (rows === 0) return;
    const { timesNs, columns, present } = space;
    const share = shareOf(plan, base.ns + BigInt(timesNs[rows - 1] as number));
    yield { rows, baseNs: base.ns, timesNs, columns, present, share };
  }
}

/** Brings the base to the earliest row still to come, if that is far away. */
export function moveBase(base: TimeBase, cursors: readonly StreamCursor[]): void {
  let least = Number.POSITIVE_INFINITY;
  for (const { timeNs } of cursors) if (timeNs < least) least = timeNs;
  if (!Number.isFinite(least) || Math.abs(least) < REBASE_NS) return;
  base.ns += BigInt(least);
  for (const cursor of cursors) cursor.rebase(least);
}

async function fillBlock(plan: TablePlan, cursors: readonly StreamCursor[], space: BlockSpace): Promise<number> {
  let rows = 0;
  while (rows < space.rows) {
    let first = -1;
    let least = Number.POSITIVE_INFINITY;
    let second = Number.POSITIVE_INFINITY;
    for (let index = 0; index < cursors.length; index++) {
      const timeNs = (cursors[index] as StreamCursor).timeNs;
      if (timeNs < least) {
        second = least;
        least = timeNs;
        first = index;
      } else if (timeNs < second) second = timeNs;
    }
    if (first < 0) break;
    if (second > least) {
      // Alone until the next stream has a row: copied in one go.
      const cursor = cursors[first] as StreamCursor;
      const count = runLength(cursor, second, space.rows - rows);
      copyRows(plan.sources[first] as TableSource, cursor, count, rows, space, first);
      space.timesNs.set(cursor.times.subarray(cursor.row, cursor.row + count), rows);
      rows += count;
      cursor.row += count;
      if (cursor.row >= cursor.end) await cursor.load();
      continue;
    }
    space.timesNs[rows] = least;
    for (let index = 0; index < cursors.length; index++) {
      const cursor = cursors[index] as StreamCursor;
      if (cursor.timeNs !== least) continue;
      copyRows(plan.sources[index] as TableSource, cursor, 1, rows, space, index);
      if (++cursor.row >= cursor.end) await cursor.load();
    }
    rows++;
  }
  return rows;
}

/** Rows of the batch before a time, at most so many; one at least. */
function runLength(cursor: StreamCursor, beforeNs: number, most: number): number {
  const { times, row } = cursor;
  const end = Math.min(cursor.end, row + most);
  let at = row + 1;
  if (end > row && (times[end - 1] as number) < beforeNs) return end - row;
  while (at < end && (times[at] as number) < beforeNs) at++;
  return at - row;
}

function copyRows(
  source: TableSource,
  cursor: StreamCursor,
  count: number,
  to: number,
  space: BlockSpace,
  index: number,
): void {
  const batch = cursor.batch as Batch;
  for (const field of source.fields) {
    copyValues(space.columns[field.to] as Column, to, batch.columns[field.from] as Column, cursor.row, count, field);
  }
  if (source.timesTo >= 0) {
    const uncertainty = batch.columns[source.uncertainty] as Column;
    for (let row = 0; row < count; row++) {
      const from = cursor.row + row;
      writeMoments(space.columns, source.timesTo, to + row, cursor.times[from] as number, uncertainty[from] as number);
    }
  }
  (space.present[index] as Uint8Array).fill(1, to, to + count);
}

/** Copies values with the scale of their channel; a Float32 stays one. */
export function copyValues(
  target: Column,
  to: number,
  column: Column,
  from: number,
  count: number,
  { gain, offset, isScaled }: ChannelField,
): void {
  if (isScaled) {
    for (let row = 0; row < count; row++) target[to + row] = gain * (column[from + row] as number) + offset;
  } else if (count === 1) target[to] = column[from] as number;
  else target.set(column.subarray(from, from + count), to);
}
