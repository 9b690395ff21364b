import type { FormatJob, Written } from './format-writer.ts';
import { jsonLongRows } from './json-long-rows.ts';
import type { JsonRowForm } from './json-rows.ts';
import { jsonRows } from './json-rows.ts';
import { OutFile } from './out-file.ts';
import { recordingFacts } from './recording-facts.ts';
import type { TableColumn } from './table.ts';
import { openTable } from './table-rows.ts';
import { TextOut } from './text-out.ts';

const FORM: JsonRowForm = { first: '', between: ',\n', open: '[', close: ']' };

/** One document: what the recording is, and rows as arrays in the order of `columns`, a line each. docs/export.md. */
export async function writeJson(job: FormatJob): Promise<Written> {
  const isLong = job.options.shape === 'long';
  const { plan, blocks } = openTable(job);
  await using file = await OutFile.open(job.path);
  const out = new TextOut(file);
  const columns = isLong ? longColumns(plan.columns) : wideColumns(plan.columns);
  const head = JSON.stringify({ ...recordingFacts(job), columns }, null, 2);
  // The rows go into the object before it is closed.
  await out.text(`${head.slice(0, head.lastIndexOf('\n}'))},\n  "rows": [\n`);
  const rows = await (isLong ? jsonLongRows : jsonRows)(job, plan, blocks, out, FORM);
  await out.text('\n  ]\n}\n');
  await out.flush();
  await file.sync();
  return { rows, notes: [] };
}

interface JsonColumn {
  name: string;
  unit: string;
}

function wideColumns(columns: readonly TableColumn[]): JsonColumn[] {
  const times = [
    { name: 'time', unit: '' },
    { name: 'elapsed_s', unit: 's' },
  ];
  return [...times, ...columns.map(({ name, unit }) => ({ name, unit }))];
}

function longColumns(columns: readonly TableColumn[]): JsonColumn[] {
  const names = ['time', 'elapsed_s', 'channel', 'value', 'unit'];
  if (columns.some(({ kind }) => kind === 'time')) names.push('sent', 'received');
  return names.map((name) => ({ name, unit: name === 'elapsed_s' ? 's' : '' }));
}
