import type { FormatJob, Written } from './format-writer.ts';
import { jsonLongRows } from './json-long-rows.ts';
import type { JsonRowForm } from './json-rows.ts';
import { jsonRows } from './json-rows.ts';
import { OutFile } from './out-file.ts';
import { openTable } from './table-rows.ts';
import { TextOut } from './text-out.ts';

const FORM: JsonRowForm = {
  first: '',
  between: '',
  open: '{',
  close: '}\n',
  nameOf: (name) => `${JSON.stringify(name)}:`,
};

/** An object a line (https://jsonlines.org): docs/export.md. */
export async function writeJsonLines(job: FormatJob): Promise<Written> {
  const { plan, blocks } = openTable(job);
  await using file = await OutFile.open(job.path);
  const out = new TextOut(file);
  const rows = await (job.options.shape === 'long' ? jsonLongRows : jsonRows)(job, plan, blocks, out, FORM);
  await out.flush();
  await file.sync();
  return { rows, notes: [] };
}
