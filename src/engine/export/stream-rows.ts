import type { Column } from '../../core/batch.ts';
import { BATCH_FLAG } from '../../core/batch.ts';
import { ChunkSource } from './chunk-source.ts';
import type { ChannelField, ExportedChannel } from './exported-channel.ts';
import { copyValues } from './merged-rows.ts';
import type { TimeBase, TimeRange } from './stream-cursor.ts';
import { StreamCursor } from './stream-cursor.ts';
import type { TablePlan, TableSource } from './table.ts';

/** Rows of one stream, those of a range, in columns. The arrays are lent until the next. */
export interface StreamRows {
  rows: number;
  /** ns since 1970; times are whole ns since it. */
  baseNs: bigint;
  timesNs: Float64Array;
  /** In the order of the source's fields, with the scale of their channels. */
  columns: Column[];
  /** Half the time between sending and receiving, s; undefined if the stream has none or it is not wanted. */
  uncertaintyS: Column | undefined;
  /** Rows are missing before the first one, or time starts anew. */
  isAfterGap: boolean;
  /** They begin a segment: ns since 1970 of its trigger, x of the first row and step, s. */
  segment: { t0Ns: bigint; x0S: number; dtS: number } | undefined;
  /** Seconds from row to row; 0 if uneven. */
  dtS: number;
}

/** One stream after the other is the way of formats that keep streams apart. */
export async function* streamRows(
  { recording, channels }: Pick<TablePlan, 'recording' | 'channels'>,
  source: TableSource,
  range: TimeRange,
): AsyncGenerator<StreamRows> {
  const { stream, fields, chunks, uncertainty } = source;
  const base: TimeBase = { ns: stream.firstNs };
  const cursor = new StreamCursor(new ChunkSource(recording), stream, chunks, base, range);
  const space = new ScaledSpace(fields, channels);
  for (let count = 0; await cursor.load(); count++) {
    const { batch, row, end, times } = cursor;
    if (!batch) return;
    const shiftNs = times[row] as number;
    if (Math.abs(shiftNs) > 2 ** 50) {
      base.ns += BigInt(shiftNs);
      cursor.rebase(shiftNs);
    }
    const isFirst = count === 0 || cursor.isAfterGap;
    const beginsSegment =
      stream.info.kind === 'segment' && (isFirst || (batch.flags & BATCH_FLAG.firstOfSegment) !== 0);
    yield {
      rows: end - row,
      baseNs: base.ns,
      timesNs: cursor.times.subarray(row, end),
      columns: space.columnsOf(batch.columns, row, end),
      uncertaintyS: uncertainty < 0 ? undefined : batch.columns[uncertainty]?.subarray(row, end),
      isAfterGap: isFirst,
      segment: beginsSegment ? { t0Ns: batch.t0Ns, x0S: batch.xOriginS + row * batch.dtS, dtS: batch.dtS } : undefined,
      dtS: batch.times ? 0 : batch.dtS,
    };
  }
}

/** Room for columns that have a scale; the others are lent as they are. */
class ScaledSpace {
  readonly #fields: readonly ChannelField[];
  readonly #columns: Column[];

  constructor(fields: readonly ChannelField[], channels: readonly ExportedChannel[]) {
    this.#fields = fields;
    this.#columns = fields.map(({ to }) => (channels[to]?.isFloat64 ? new Float64Array(0) : new Float32Array(0)));
  }

  columnsOf(columns: readonly Column[], from: number, to: number): Column[] {
    return this.#fields.map((field, index) => {
      const column = columns[field.from] as Column;
      if (!field.isScaled) return column.subarray(from, to);
      const count = to - from;
      let space = this.#columns[index] as Column;
      if (space.length < count) {
        space = space instanceof Float64Array ? new Float64Array(count) : new Float32Array(count);
        this.#columns[index] = space;
      }
      copyValues(space, 0, column, from, count, field);
      return space.subarray(0, count);
    });
  }
}
