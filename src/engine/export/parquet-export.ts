import type { FormatJob, Written } from './format-writer.ts';
import { OutFile } from './out-file.ts';
import type { ParquetColumn } from './parquet-file.ts';
import { ParquetFile, TIMESTAMP } from './parquet-file.ts';
import { ParquetGroup } from './parquet-group.ts';
import { longSchema, ParquetLongGroup } from './parquet-long-group.ts';
import { recordingFacts } from './recording-facts.ts';
import type { TableBlock, TableColumn, TablePlan } from './table.ts';
import { openTable } from './table-rows.ts';

/** A table in Apache Parquet, a column a channel or a row a value: docs/export.md. */
export async function writeParquet(job: FormatJob): Promise<Written> {
  const { plan, blocks } = openTable(job);
  await using file = await OutFile.open(job.path);
  const isLong = job.options.shape === 'long';
  const columns = isLong ? longSchema(job.options.provenance) : wideSchema(plan.columns);
  const about = { facts: recordingFacts(job), appVersion: job.recording.info.appVersion };
  const parquet = await ParquetFile.open(file, columns, job.options.compression, about);
  await (isLong ? writeLong : writeWide)(job, plan, blocks, parquet);
  await parquet.finish();
  await file.sync();
  return { rows: parquet.rows, notes: [] };
}

function wideSchema(columns: readonly TableColumn[]): ParquetColumn[] {
  return [
    { name: 'time', type: 'INT64', repetition_type: 'REQUIRED', logical_type: TIMESTAMP },
    ...columns.map(({ name, kind, isFloat64 }): ParquetColumn => {
      if (kind === 'time') return { name, type: 'INT64', repetition_type: 'OPTIONAL', logical_type: TIMESTAMP };
      return { name, type: isFloat64 ? 'DOUBLE' : 'FLOAT', repetition_type: 'OPTIONAL' };
    }),
  ];
}

async function writeWide(
  { tick }: FormatJob,
  plan: TablePlan,
  blocks: AsyncIterable<TableBlock>,
  parquet: ParquetFile,
): Promise<void> {
  const group = new ParquetGroup(plan.columns);
  const writeGroup = async (): Promise<void> => {
    await parquet.writeGroup(group.rows, (index) => (index === 0 ? group.time() : group.column(index - 1)));
    group.clear();
  };
  for await (const block of blocks) {
    for (let from = 0; from < block.rows; ) {
      from += group.add(block, from);
      if (group.rows === group.capacity) await writeGroup();
    }
    tick(block.share);
  }
  if (group.rows > 0) await writeGroup();
}

async function writeLong(
  { tick }: FormatJob,
  plan: TablePlan,
  blocks: AsyncIterable<TableBlock>,
  parquet: ParquetFile,
): Promise<void> {
  const group = new ParquetLongGroup(plan);
  const writeGroup = async (): Promise<void> => {
    await parquet.writeGroup(group.rows, (index) => group.column(index));
    group.clear();
  };
  for await (const block of blocks) {
    for (let row = 0; row < block.rows; row++) {
      for (const [index, { fields, timesTo }] of plan.sources.entries()) {
        if (block.present[index]?.[row] !== 1) continue;
        for (const { to } of fields) {
          group.add(block, row, to, timesTo);
          if (group.isFull) await writeGroup();
        }
      }
    }
    tick(block.share);
  }
  if (group.rows > 0) await writeGroup();
}
