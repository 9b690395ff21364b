import type { Column } from '../../core/batch.ts';
import type { FormatJob } from './format-writer.ts';
import type { JsonRowForm } from './json-rows.ts';
import { JSON_VALUE_BYTES, putJsonTime, putJsonValue } from './json-text.ts';
import type { TableBlock, TablePlan } from './table.ts';
import type { TextOut } from './text-out.ts';
import { TIME_BYTES, TimeText } from './time-text.ts';

const encoder = new TextEncoder();

/** A row for each value: time, elapsed, channel, value, unit. Gives their number. */
export async function jsonLongRows(
  { recording, tick }: FormatJob,
  plan: TablePlan,
  blocks: AsyncIterable<TableBlock>,
  out: TextOut,
  form: JsonRowForm,
): Promise<number> {
  const time = new TimeText(recording.info.startedNs);
  const name = (text: string): string => form.nameOf?.(text) ?? '';
  const piece = (text: string): Uint8Array => encoder.encode(text);
  const start = piece(`${form.open}${name('time')}`);
  const elapsed = piece(`,${name('elapsed_s')}`);
  const before = plan.channels.map(({ id }) => piece(`,${name('channel')}${JSON.stringify(id)},${name('value')}`));
  const behind = plan.channels.map(({ unit }) => piece(`,${name('unit')}${JSON.stringify(unit)}`));
  const moments = ['sent', 'received'].map((text) => piece(`,${name(text)}`));
  const hasMoments = plan.columns.some(({ kind }) => kind === 'time');
  const [first, between, close] = [piece(form.first), piece(form.between), piece(form.close)];
  const rowBytes =
    [start, elapsed, first, between, close, ...moments].reduce((sum, { byteLength }) => sum + byteLength, 0) +
    Math.max(...before.map(({ byteLength }) => byteLength)) +
    Math.max(...behind.map(({ byteLength }) => byteLength)) +
    JSON_VALUE_BYTES +
    4 * TIME_BYTES +
    8;
  let rows = 0;
  for await (const block of blocks) {
    time.setBase(block.baseNs);
    for (let row = 0; row < block.rows; row++) {
      for (const [index, { fields, timesTo }] of plan.sources.entries()) {
        if (block.present[index]?.[row] !== 1) continue;
        for (const { to } of fields) {
          if (!out.has(rowBytes)) await out.flush(rowBytes);
          out.put(rows === 0 ? first : between);
          writeRow(block, row, to, timesTo);
          rows++;
        }
      }
    }
    tick(block.share);
  }
  return rows;

  function writeRow({ timesNs, columns }: TableBlock, row: number, to: number, timesTo: number): void {
    const offsetNs = timesNs[row] as number;
    out.put(start);
    putJsonTime(out, (bytes, at) => time.writeIso(bytes, at, offsetNs));
    out.put(elapsed);
    out.at = time.writeElapsed(out.bytes, out.at, offsetNs);
    out.put(before[to] as Uint8Array);
    putJsonValue(out, (columns[to] as Column)[row] as number, plan.columns[to]?.isFloat64 === false);
    out.put(behind[to] as Uint8Array);
    for (const [index, moment] of moments.entries()) {
      if (!hasMoments) break;
      out.put(moment);
      const value = timesTo < 0 ? Number.NaN : ((columns[timesTo + index] as Column)[row] as number);
      if (Number.isNaN(value)) putJsonValue(out, value, false);
      else putJsonTime(out, (bytes, at) => time.writeIso(bytes, at, value));
    }
    out.put(close);
  }
}
