import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { FedRecorder } from '../export/fed-recorder.ts';
import type { CsvColumn, CsvPlan } from './csv-plan.ts';
import { describeColumns, planCsv } from './csv-plan.ts';
import type { CsvRecord } from './csv-records.ts';
import { CsvSplitter, encodingOf, readText } from './csv-records.ts';
import type { CsvShape } from './csv-sniff.ts';
import { sniffCsv } from './csv-sniff.ts';
import { parseIso, parseTicks } from './csv-time.ts';
import { parseValue } from './csv-value.ts';
import { finishImport } from './finish-import.ts';
import { importFailed } from './import-error.ts';
import type { ImportJob, ImportResult } from './import-task.ts';
import { importedAbout, importedName } from './imported-about.ts';
import { TimedRows } from './timed-rows.ts';
import { plain, StreamNumbers } from './topic-stream.ts';

const SAMPLE_BYTES = 1 << 18;
/** int64 ns: 1677 to 2262. */
const MOST_NS = 2n ** 63n - 1n;

/** A CSV table: a channel a column, a row a line with its own time. docs/export.md. @throws LabError import.failed, with the line */
export async function importCsv(job: ImportJob): Promise<ImportResult> {
  const { path, temporary } = job;
  const { size, mtimeMs } = await stat(path);
  const { shape, plan } = await look(job, size);
  const table = new CsvTable(job, shape, plan, BigInt(Math.floor(mtimeMs / 1000)) * 1_000_000_000n);
  const splitter = new CsvSplitter(path, shape.separator);
  const notes = [...plan.notes, ...shape.preamble.slice(0, 20).map((line) => line.slice(0, 200))];
  const first = shape.rows[0];
  if (!first) throw importFailed(path, 'it has no row of values', 'A table has a row of names and rows of values.');
  const instruments = new Set(plan.columns.map(({ instrument }) => instrument));
  const about = importedAbout(job, instruments, describeColumns(plan.columns), notes);
  const name = importedName(job);
  await using fed = await FedRecorder.open({ folder: temporary, name, about }, table.timeOf(first));
  const streams = openStreams(fed, plan.columns, table.timeOf(first), table.rateOf(shape.rows));
  for await (const { text, bytes, isLast } of readText(path)) {
    for (const record of splitter.split(text, isLast)) {
      if (record.line < first.line || record.isComment) continue;
      if (table.add(record, streams)) await fed.room();
    }
    job.tick(size === 0 ? 1 : bytes / size);
  }
  return await finishImport(
    job,
    fed,
    streams.map(({ rows }) => rows),
    plan.notes,
  );
}

async function look(job: ImportJob, size: number): Promise<{ shape: CsvShape; plan: CsvPlan }> {
  const { path } = job;
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(new Uint8Array(SAMPLE_BYTES), 0, SAMPLE_BYTES, 0);
    const bytes = buffer.subarray(0, bytesRead);
    if (bytes.includes(0) && encodingOf(bytes) === 'utf-8') {
      throw importFailed(path, 'it is neither an MCAP file nor text', 'Labwire imports MCAP files and CSV tables.');
    }
    const sample = new TextDecoder(encodingOf(bytes)).decode(bytes, { stream: bytesRead < size });
    const shape = sniffCsv(path, sample, bytesRead === size);
    const table = plain(basename(path).replace(/\.[^.]*$/, ''));
    return { shape, plan: planCsv(path, shape, table) };
  } finally {
    await file.close();
  }
}

/** The columns of one instrument: a row of it is where any of them has a value. */
interface TableStream {
  columns: CsvColumn[];
  rows: TimedRows;
}

function openStreams(fed: FedRecorder, columns: readonly CsvColumn[], startNs: bigint, rateHz: number): TableStream[] {
  const numbers = new StreamNumbers(startNs);
  const instruments = [...new Set(columns.map(({ instrument }) => instrument))];
  return instruments.map((instrument) => {
    const own = columns.filter((column) => column.instrument === instrument);
    const infos = own.map(({ info }) => info);
    return { columns: own, rows: new TimedRows(fed, numbers.open(instrument, 'imported', infos, rateHz)) };
  });
}

/** Lines of a table as rows of streams. */
class CsvTable {
  readonly #job: ImportJob;
  readonly #shape: CsvShape;
  readonly #plan: CsvPlan;
  readonly #originNs: bigint;
  #count = 0n;

  /** `originNs`: what times count from if the table does not tell; ns since 1970. */
  constructor(job: ImportJob, shape: CsvShape, plan: CsvPlan, originNs: bigint) {
    this.#job = job;
    this.#shape = shape;
    this.#plan = plan;
    this.#originNs = originNs;
  }

  /** True: a batch was given. @throws LabError import.failed */
  add(record: CsvRecord, streams: readonly TableStream[]): boolean {
    const { columns } = this.#shape;
    if (record.fields.length !== columns) {
      throw this.#fail(record, `has ${record.fields.length} fields, and the rows before it have ${columns}`);
    }
    const timeNs = this.timeOf(record);
    this.#count++;
    let isGiven = false;
    let isTaken = false;
    for (const [index, { columns: own, rows }] of streams.entries()) {
      const values = new Float64Array(own.length);
      let isEmpty = true;
      for (const [at, column] of own.entries()) {
        values[at] = this.#valueOf(record, column);
        if (record.fields[column.from]?.trim() !== '') isEmpty = false;
      }
      // A line without any value is kept: it says that there was none.
      const isLast = index === streams.length - 1;
      if (isEmpty && !(isLast && !isTaken)) continue;
      isTaken = true;
      isGiven = rows.add(timeNs, values) || isGiven;
    }
    return isGiven;
  }

  /** ns since 1970. @throws LabError import.failed */
  timeOf(record: CsvRecord): bigint {
    const { time, timeColumn } = this.#plan;
    const field = record.fields[timeColumn] ?? '';
    const timeNs = time.kind === 'none' ? this.#originNs + this.#count * 1_000_000_000n : this.#parse(field);
    if (timeNs === undefined) {
      const wanted = time.kind === 'iso' ? 'a time like 2026-01-31T13:45:00.123Z' : 'a number like the times before it';
      throw this.#fail(record, `has “${field.slice(0, 40)}” where ${wanted} is wanted`);
    }
    if (timeNs > MOST_NS || timeNs < -MOST_NS) throw this.#fail(record, 'has a time outside of the years 1678 to 2261');
    return timeNs;
  }

  /** Rows per second at the beginning; 0: they do not tell. */
  rateOf(rows: readonly CsvRecord[]): number {
    const [first, last] = [rows[0], rows.at(-1)];
    const spanS = first && last ? Number(this.timeOf(last) - this.timeOf(first)) / 1e9 : 0;
    return spanS > 0 ? Number(((rows.length - 1) / spanS).toPrecision(3)) : 0;
  }

  #parse(field: string): bigint | undefined {
    const { time } = this.#plan;
    if (time.kind !== 'number') return parseIso(field);
    const ticks = parseTicks(field, time.unitNs, this.#shape.hasComma);
    return ticks === undefined || time.isAbsolute ? ticks : this.#originNs + ticks;
  }

  #valueOf(record: CsvRecord, { from, title }: CsvColumn): number {
    const field = record.fields[from] ?? '';
    const value = parseValue(field, this.#shape.hasComma);
    if (value !== undefined) return value;
    throw this.#fail(record, `has “${field.slice(0, 40)}” in the column “${title}”, which is no number`);
  }

  #fail(record: CsvRecord, what: string): Error {
    return importFailed(
      this.#job.path,
      `line ${record.line} ${what}`,
      'Correct that line, or leave it empty, and import the file again.',
      { line: record.line },
    );
  }
}
