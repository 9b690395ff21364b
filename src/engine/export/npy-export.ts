import type { Column } from '../../core/batch.ts';
import type { FormatJob, Written } from './format-writer.ts';
import { layTimes } from './int64-times.ts';
import type { NpyField } from './npy-header.ts';
import { npyHeader } from './npy-header.ts';
import { OutFile } from './out-file.ts';
import type { TableBlock, TableColumn } from './table.ts';
import { blockRows } from './table.ts';
import { openTable } from './table-rows.ts';

/** One structured array: `time_ns` (int64) and a field a channel. docs/export.md. */
export async function writeNpy(job: FormatJob): Promise<Written> {
  const { plan, blocks } = openTable(job);
  await using file = await OutFile.open(job.path);
  const fields = fieldsOf(plan.columns);
  await file.write(npyHeader(fields, 0));
  const space = new RowSpace(plan.columns);
  let rows = 0;
  for await (const block of blocks) {
    await file.write(space.lay(block));
    rows += block.rows;
    job.tick(block.share);
  }
  await file.writeAt(0, npyHeader(fields, rows));
  await file.sync();
  return { rows, notes: [] };
}

function fieldsOf(columns: readonly TableColumn[]): NpyField[] {
  const named = columns.map(({ name, kind, isFloat64 }): NpyField => {
    if (kind === 'time') return { name: `${name}_ns`, type: '<i8' };
    return { name, type: isFloat64 ? '<f8' : '<f4' };
  });
  return [{ name: 'time_ns', type: '<i8' }, ...named];
}

/** Rows one behind the other, each value at its place: words of four bytes. */
class RowSpace {
  readonly #columns: readonly TableColumn[];
  readonly #rowWords: number;
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #floats: Float32Array;
  readonly #times: BigInt64Array;
  readonly #doubles: Float64Array;

  constructor(columns: readonly TableColumn[]) {
    const rows = blockRows(columns.length);
    this.#columns = columns;
    this.#rowWords = columns.reduce((sum, { isFloat64 }) => sum + (isFloat64 ? 2 : 1), 2);
    this.#words = new Uint32Array(rows * this.#rowWords);
    this.#floats = new Float32Array(this.#words.buffer);
    this.#doubles = new Float64Array(rows);
    this.#times = new BigInt64Array(this.#doubles.buffer);
  }

  /** The bytes of a block; lent until the next. */
  lay({ rows, baseNs, timesNs, columns }: TableBlock): Uint8Array {
    layTimes(this.#times, 0, baseNs, timesNs, rows);
    this.#spread(0, rows);
    let word = 2;
    for (const [index, { kind, isFloat64 }] of this.#columns.entries()) {
      const column = columns[index] as Column;
      if (kind === 'time') layTimes(this.#times, 0, baseNs, column, rows);
      else if (isFloat64) this.#doubles.set(column.subarray(0, rows));
      else {
        for (let row = 0, to = word; row < rows; row++, to += this.#rowWords) this.#floats[to] = column[row] as number;
        word++;
        continue;
      }
      this.#spread(word, rows);
      word += 2;
    }
    return new Uint8Array(this.#words.buffer, 0, rows * this.#rowWords * 4);
  }

  /** Eight bytes a row from the doubles to their places. */
  #spread(word: number, rows: number): void {
    const from = new Uint32Array(this.#doubles.buffer);
    for (let row = 0, to = word; row < rows; row++, to += this.#rowWords) {
      this.#words[to] = from[row * 2] as number;
      this.#words[to + 1] = from[row * 2 + 1] as number;
    }
  }
}
