import type { Column } from '../../core/batch.ts';
import { layTimes, NO_TIME } from './int64-times.ts';
import type { GroupColumn, ParquetColumn } from './parquet-file.ts';
import { TIMESTAMP } from './parquet-file.ts';
import { packIndices } from './parquet-page.ts';
import type { TableBlock, TablePlan } from './table.ts';

const ROWS = 131_072;

/** The columns of a table with a row a value. */
export function longSchema(hasMoments: boolean): ParquetColumn[] {
  const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' } as const;
  const moment = { type: 'INT64', logical_type: TIMESTAMP, repetition_type: 'OPTIONAL' } as const;
  return [
    { name: 'time', type: 'INT64', logical_type: TIMESTAMP, repetition_type: 'REQUIRED' },
    { name: 'channel', ...text },
    { name: 'value', type: 'DOUBLE', repetition_type: 'OPTIONAL' },
    { name: 'unit', ...text },
    ...(hasMoments ? ['sent', 'received'].map((name): ParquetColumn => ({ name, ...moment })) : []),
  ];
}

/** Values of a table gathered for one row group: when, of which channel, how much. */
export class ParquetLongGroup {
  readonly #plan: TablePlan;
  readonly #times = new BigInt64Array(ROWS);
  readonly #channels = new Uint16Array(ROWS);
  readonly #values = new Float64Array(ROWS);
  readonly #moments = [new BigInt64Array(ROWS), new BigInt64Array(ROWS)];
  readonly #one = new Float64Array(1);
  rows = 0;

  constructor(plan: TablePlan) {
    this.#plan = plan;
  }

  get isFull(): boolean {
    return this.rows === ROWS;
  }

  /** Adds a value of a block. */
  add({ baseNs, timesNs, columns }: TableBlock, row: number, channel: number, timesTo: number): void {
    const at = this.rows++;
    this.#lay(this.#times, at, baseNs, timesNs[row] as number);
    this.#channels[at] = channel;
    this.#values[at] = (columns[channel] as Column)[row] as number;
    for (const [index, moments] of this.#moments.entries()) {
      const moment = timesTo < 0 ? Number.NaN : ((columns[timesTo + index] as Column)[row] as number);
      this.#lay(moments, at, baseNs, moment);
    }
  }

  clear(): void {
    this.rows = 0;
  }

  /** The content of a column of `longSchema`. */
  column(index: number): GroupColumn {
    const { rows } = this;
    const { channels } = this.#plan;
    if (index === 0) return { rows, values: bytesOf(this.#times, rows), count: rows };
    if (index === 1) return this.#texts(channels.map(({ id }) => id));
    if (index === 3) return this.#texts(channels.map(({ unit }) => unit));
    const isValue = index === 2;
    const values = isValue ? this.#values : (this.#moments[index - 4] as BigInt64Array);
    const levels = new Uint8Array(Math.ceil(rows / 8));
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const value = values[row] as number | bigint;
      if (isValue ? Number.isNaN(value) : value === NO_TIME) continue;
      values[count++] = value;
      levels[row >> 3] = (levels[row >> 3] as number) | (1 << (row & 7));
    }
    return { rows, values: bytesOf(values, count), count, levels: count < rows ? levels : undefined };
  }

  #texts(texts: readonly string[]): GroupColumn {
    const { rows } = this;
    return { rows, values: packIndices(this.#channels, rows, texts.length), count: rows, dictionary: { texts } };
  }

  #lay(target: BigInt64Array, at: number, baseNs: bigint, offsetNs: number): void {
    this.#one[0] = offsetNs;
    layTimes(target, at, baseNs, this.#one, 1);
  }
}

function bytesOf(values: Float64Array | BigInt64Array, count: number): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, count * 8);
}
