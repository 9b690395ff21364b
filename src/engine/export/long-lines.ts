import type { Column } from '../../core/batch.ts';
import type { CsvForm } from './csv-text.ts';
import { csvField, LINE_END } from './csv-text.ts';
import type { FormatJob } from './format-writer.ts';
import { NUMBER_BYTES } from './number-text.ts';
import type { TableBlock, TablePlan } from './table.ts';
import type { TextOut } from './text-out.ts';
import { TIME_BYTES, TimeText } from './time-text.ts';
import { writeValue } from './wide-lines.ts';

/** A line for each value: time, elapsed, channel, value, unit. A row of a stream gives a line for each of its channels, one with a missing value too. */
export async function longLines(
  { recording, tick }: FormatJob,
  plan: TablePlan,
  blocks: AsyncIterable<TableBlock>,
  out: TextOut,
  form: CsvForm,
): Promise<number> {
  const encoder = new TextEncoder();
  const { separator } = form;
  const time = new TimeText(recording.info.startedNs);
  const point = form.decimal.charCodeAt(0);
  const before = plan.channels.map(({ id }) => encoder.encode(`${separator}${csvField(id, separator)}${separator}`));
  const behind = plan.channels.map(({ unit }) => encoder.encode(`${separator}${csvField(unit, separator)}`));
  const hasTimes = plan.columns.some(({ kind }) => kind === 'time');
  const parts = [...before, ...behind].map(({ byteLength }) => byteLength);
  const lineBytes = 4 * TIME_BYTES + NUMBER_BYTES + 2 * Math.max(0, ...parts) + 8;
  const [separatorByte, end] = [encoder.encode(separator), encoder.encode(LINE_END)];
  let lines = 0;
  for await (const block of blocks) {
    time.setBase(block.baseNs);
    for (let row = 0; row < block.rows; row++) {
      for (let index = 0; index < plan.sources.length; index++) {
        if (block.present[index]?.[row] !== 1) continue;
        const { fields, timesTo } = plan.sources[index] as (typeof plan.sources)[number];
        for (const { to } of fields) {
          if (!out.has(lineBytes)) await out.flush(lineBytes);
          writeLine(block, row, to, timesTo);
          lines++;
        }
      }
    }
    tick(block.share);
  }
  return lines;

  function writeLine({ timesNs, columns }: TableBlock, row: number, to: number, timesTo: number): void {
    const { bytes } = out;
    const offsetNs = timesNs[row] as number;
    const value = (columns[to] as Column)[row] as number;
    out.at = time.writeIso(bytes, out.at, offsetNs);
    out.put(separatorByte);
    out.at = time.writeElapsed(bytes, out.at, offsetNs, point);
    out.put(before[to] as Uint8Array);
    if (!Number.isNaN(value)) {
      out.at = writeValue(bytes, out.at, value, plan.columns[to]?.isFloat64 === false, point);
    }
    out.put(behind[to] as Uint8Array);
    for (let index = 0; hasTimes && index < 2; index++) {
      out.put(separatorByte);
      const moment = timesTo < 0 ? Number.NaN : ((columns[timesTo + index] as Column)[row] as number);
      if (!Number.isNaN(moment)) out.at = time.writeIso(bytes, out.at, moment);
    }
    out.put(end);
  }
}
