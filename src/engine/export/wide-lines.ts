import type { Column } from '../../core/batch.ts';
import type { CsvForm } from './csv-text.ts';
import type { FormatJob } from './format-writer.ts';
import { NUMBER_BYTES, writeNumber } from './number-text.ts';
import type { TableBlock, TablePlan } from './table.ts';
import type { TextOut } from './text-out.ts';
import { TIME_BYTES, TimeText } from './time-text.ts';

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;

/** A line for each row of a table. Gives their number. */
export async function wideLines(
  { recording, tick }: FormatJob,
  plan: TablePlan,
  blocks: AsyncIterable<TableBlock>,
  out: TextOut,
  form: CsvForm,
): Promise<number> {
  const time = new TimeText(recording.info.startedNs);
  const separator = form.separator.charCodeAt(0);
  const point = form.decimal.charCodeAt(0);
  const kinds = plan.columns.map(({ kind, isFloat64 }) => (kind === 'time' ? 2 : isFloat64 ? 1 : 0));
  const lineBytes = 2 * TIME_BYTES + kinds.length * (1 + Math.max(NUMBER_BYTES, TIME_BYTES)) + 2;
  let rows = 0;
  for await (const block of blocks) {
    time.setBase(block.baseNs);
    for (let row = 0; row < block.rows; row++) {
      if (!out.has(lineBytes)) await out.flush(lineBytes);
      writeLine(block, row);
    }
    rows += block.rows;
    tick(block.share);
  }
  return rows;

  function writeLine({ timesNs, columns }: TableBlock, row: number): void {
    const { bytes } = out;
    const offsetNs = timesNs[row] as number;
    let at = time.writeIso(bytes, out.at, offsetNs);
    bytes[at++] = separator;
    at = time.writeElapsed(bytes, at, offsetNs, point);
    for (let index = 0; index < columns.length; index++) {
      bytes[at++] = separator;
      const value = (columns[index] as Column)[row] as number;
      // NaN: nothing.
      if (Number.isNaN(value)) continue;
      const kind = kinds[index];
      if (kind === 2) at = time.writeIso(bytes, at, value);
      else at = writeValue(bytes, at, value, kind === 0, point);
    }
    bytes[at] = CARRIAGE_RETURN;
    bytes[at + 1] = LINE_FEED;
    out.at = at + 2;
  }
}

/** A number that is not NaN: `OL` and `-OL` for overload. */
export function writeValue(bytes: Uint8Array, at: number, value: number, isFloat32: boolean, point: number): number {
  if (Number.isFinite(value)) return writeNumber(bytes, at, value, isFloat32, point);
  if (value < 0) bytes[at++] = 45;
  bytes[at] = 79;
  bytes[at + 1] = 76;
  return at + 2;
}
