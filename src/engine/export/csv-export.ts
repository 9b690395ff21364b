import { csvField, csvForm, LINE_END } from './csv-text.ts';
import type { FormatJob, Written } from './format-writer.ts';
import { longLines } from './long-lines.ts';
import { OutFile } from './out-file.ts';
import type { TableColumn } from './table.ts';
import { mergeText, openTable } from './table-rows.ts';
import { TextOut } from './text-out.ts';
import { wideLines } from './wide-lines.ts';

/** A table as text (RFC 4180, UTF-8): docs/export.md. */
export async function writeCsv(job: FormatJob): Promise<Written> {
  const { options } = job;
  const form = csvForm(options);
  const { plan, blocks } = openTable(job);
  await using file = await OutFile.open(job.path);
  const out = new TextOut(file);
  const isLong = options.shape === 'long';
  const names = isLong ? longNames(plan.columns) : wideNames(plan.columns, options.unitsRow);
  const when = options.merge === 'as-measured' ? 'time' : `time (${mergeText(options)})`;
  const elapsed = options.unitsRow && !isLong ? 'elapsed' : 'elapsed [s]';
  const line = (fields: string[]): Promise<void> =>
    out.text(fields.map((field) => csvField(field, form.separator)).join(form.separator) + LINE_END);
  await line([when, elapsed, ...names]);
  if (options.unitsRow && !isLong) await line(['', 's', ...plan.columns.map(({ unit }) => unit)]);
  const lines = isLong ? longLines : wideLines;
  const rows = await lines(job, plan, blocks, out, form);
  await out.flush();
  await file.sync();
  return { rows, notes: [] };
}

function wideNames(columns: readonly TableColumn[], hasUnitsRow: boolean): string[] {
  return columns.map(({ name, unit, channel }) => {
    if (hasUnitsRow || unit === '') return name;
    // A channel of two units has its unit in the name already.
    return `${channel?.id ?? name} [${unit}]`;
  });
}

function longNames(columns: readonly TableColumn[]): string[] {
  const hasTimes = columns.some(({ kind }) => kind === 'time');
  return ['channel', 'value', 'unit', ...(hasTimes ? ['sent', 'received'] : [])];
}
