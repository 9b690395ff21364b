import type { Column } from '../../core/batch.ts';
import type { FormatJob } from './format-writer.ts';
import { JSON_VALUE_BYTES, putJsonTime, putJsonValue } from './json-text.ts';
import type { TableBlock, TablePlan, TableSource } from './table.ts';
import type { TextOut } from './text-out.ts';
import { TIME_BYTES, TimeText } from './time-text.ts';

/** What stands around the pieces of a row: an object with names, or an array in a document. */
export interface JsonRowForm {
  /** Before each row but the first, and before the first. */
  between: string;
  first: string;
  open: string;
  close: string;
  /** `"name":` before each value; absent: values by position. */
  nameOf?: ((name: string) => string) | undefined;
}

const encoder = new TextEncoder();

/** Rows of a table as JSON: time, elapsed, then the values; by name only those of streams that have a row at that time. Gives their number. */
export async function jsonRows(
  { recording, tick }: FormatJob,
  plan: TablePlan,
  blocks: AsyncIterable<TableBlock>,
  out: TextOut,
  form: JsonRowForm,
): Promise<number> {
  const time = new TimeText(recording.info.startedNs);
  const named = (name: string): Uint8Array => encoder.encode(form.nameOf?.(name) ?? '');
  const { columns, sources } = plan;
  const before = columns.map(({ name }) => encoder.encode(`,${form.nameOf?.(name) ?? ''}`));
  const [open, close] = [encoder.encode(form.open), encoder.encode(form.close)];
  const [first, between] = [encoder.encode(form.first), encoder.encode(form.between)];
  const timeName = named('time');
  const elapsedName = encoder.encode(`,${form.nameOf?.('elapsed_s') ?? ''}`);
  const rowBytes =
    before.reduce((sum, { byteLength }) => sum + byteLength + Math.max(JSON_VALUE_BYTES, TIME_BYTES + 2), 0) +
    [open, close, first, between, timeName, elapsedName].reduce((sum, { byteLength }) => sum + byteLength, 0) +
    2 * TIME_BYTES;
  const columnsOf = sources.map(filledBy);
  const all = columns.map((_, index) => index);
  let rows = 0;
  for await (const block of blocks) {
    time.setBase(block.baseNs);
    for (let row = 0; row < block.rows; row++) {
      if (!out.has(rowBytes)) await out.flush(rowBytes);
      out.put(rows === 0 ? first : between);
      writeRow(block, row);
      rows++;
    }
    tick(block.share);
  }
  return rows;

  function writeRow(block: TableBlock, row: number): void {
    const offsetNs = block.timesNs[row] as number;
    out.put(open);
    out.put(timeName);
    putJsonTime(out, (bytes, at) => time.writeIso(bytes, at, offsetNs));
    out.put(elapsedName);
    out.at = time.writeElapsed(out.bytes, out.at, offsetNs);
    if (!form.nameOf) putCells(block, row, all);
    else {
      for (let index = 0; index < sources.length; index++) {
        if (block.present[index]?.[row] === 1) putCells(block, row, columnsOf[index] as number[]);
      }
    }
    out.put(close);
  }

  function putCells(block: TableBlock, row: number, which: readonly number[]): void {
    for (let index = 0; index < which.length; index++) {
      const at = which[index] as number;
      const value = (block.columns[at] as Column)[row] as number;
      const { kind, isFloat64 } = columns[at] as (typeof columns)[number];
      out.put(before[at] as Uint8Array);
      if (kind === 'time' && !Number.isNaN(value)) {
        putJsonTime(out, (bytes, to) => time.writeIso(bytes, to, value));
      } else putJsonValue(out, value, !isFloat64);
    }
  }
}

/** The columns a stream fills. */
function filledBy({ fields, timesTo }: TableSource): number[] {
  const values = fields.map(({ to }) => to);
  return timesTo < 0 ? values : [...values, timesTo, timesTo + 1];
}
