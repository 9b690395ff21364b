import { isUnitsRow } from './csv-names.ts';
import type { CsvRecord } from './csv-records.ts';
import { CsvSplitter } from './csv-records.ts';
import { parseIso } from './csv-time.ts';
import { isNumber, parseValue } from './csv-value.ts';
import { importFailed } from './import-error.ts';

/** What the beginning of a table tells about how it is written. */
export interface CsvShape {
  separator: string;
  /** A comma is the decimal sign. */
  hasComma: boolean;
  columns: number;
  /** The row with the names; undefined: there is none. */
  head: CsvRecord | undefined;
  /** A row of units behind it. */
  units: CsvRecord | undefined;
  /** Lines before it, which are no part of the table. */
  preamble: string[];
  /** The first row of values, and some after it. */
  rows: CsvRecord[];
}

const SEPARATORS = [',', ';', '\t', '|'];
const MOST_PREAMBLE = 100;
const LOOKED_AT = 60;

/**
 * Looks at the beginning of a table: by which separator most lines fall into the same number of fields, where the values begin, and whether the row
 * before them has names. @throws LabError import.failed
 */
export function sniffCsv(path: string, sample: string, isWhole: boolean): CsvShape {
  let best: { records: CsvRecord[]; separator: string; columns: number; score: number } | undefined;
  for (const separator of SEPARATORS) {
    const records = split(path, sample, separator, isWhole);
    const { columns, share } = usualWidth(records);
    const score = columns > 1 ? share + columns / 1e6 : 0;
    if (records.length > 0 && (!best || score > best.score)) best = { records, separator, columns, score };
  }
  if (!best) throw importFailed(path, 'it holds no line', 'A table has a row of names and rows of values.');
  const { records, separator, columns } = best;
  const hasComma = separator !== ',' && usesComma(records);
  const isData = ({ fields, isComment }: CsvRecord): boolean =>
    !isComment && fields.length === columns && isRowOfValues(fields, hasComma);
  const first = records.findIndex(isData);
  if (first < 0) {
    throw importFailed(
      path,
      `none of its first ${records.length} lines is a row of numbers`,
      'A table has a row of names and rows of values, parted by comma, semicolon or tab.',
    );
  }
  const { head, units, at } = findHead(records, first, columns);
  const preamble = records.slice(0, at).map(({ fields }) => fields.join(separator));
  if (preamble.length > MOST_PREAMBLE) {
    throw importFailed(
      path,
      `its values begin after ${first} other lines`,
      'Take out what is before the row of names.',
    );
  }
  return { separator, hasComma, columns, head, units, preamble, rows: records.slice(first).filter(isData) };
}

/** The records of the sample that are whole. One too long for any separator is told when the file is read. */
function split(path: string, sample: string, separator: string, isWhole: boolean): CsvRecord[] {
  const splitter = new CsvSplitter(path, separator);
  const records: CsvRecord[] = [];
  const lines = (isWhole ? `${sample}\n` : sample).split(/(?<=\n)/);
  try {
    for (const line of lines) {
      records.push(...splitter.split(line, false));
      if (records.length >= LOOKED_AT + MOST_PREAMBLE) break;
    }
  } catch {
    // Those before it are looked at.
  }
  return records;
}

/** The number of fields that most lines have, and how many of them do. */
function usualWidth(records: readonly CsvRecord[]): { columns: number; share: number } {
  const counts = new Map<number, number>();
  const rows = records.filter(({ isComment }) => !isComment);
  for (const { fields } of rows) counts.set(fields.length, (counts.get(fields.length) ?? 0) + 1);
  let columns = 1;
  let most = 0;
  for (const [width, count] of counts) {
    // A preamble has few fields; of equals the wider is the table.
    if (count < most || (count === most && width < columns)) continue;
    columns = width;
    most = count;
  }
  return { columns, share: rows.length === 0 ? 0 : most / rows.length };
}

function usesComma(records: readonly CsvRecord[]): boolean {
  const fields = records.flatMap((record) => record.fields.map((field) => field.trim()));
  const commas = fields.filter((field) => /^[-+]?\d+,\d+([eE][-+]?\d+)?$/.test(field)).length;
  const points = fields.filter((field) => /^[-+]?\d+\.\d+([eE][-+]?\d+)?$/.test(field)).length;
  return commas > points;
}

/** At least one number, or a time and nothing but missing values; names are neither. */
function isRowOfValues(fields: readonly string[], hasComma: boolean): boolean {
  if (fields.some((field) => isNumber(field, hasComma))) return true;
  const rest = fields.filter((field) => parseIso(field) === undefined);
  return rest.length < fields.length && rest.every((field) => parseValue(field, hasComma) !== undefined);
}

/** The row of names right before the first values, or before the row of units between; perhaps behind a `#`. */
function findHead(
  records: readonly CsvRecord[],
  first: number,
  columns: number,
): { head: CsvRecord | undefined; units: CsvRecord | undefined; at: number } {
  const rowBefore = (at: number): CsvRecord | undefined => {
    const record = records[at - 1];
    return record?.fields.length === columns ? record : undefined;
  };
  const before = rowBefore(first);
  const above = rowBefore(first - 1);
  if (before && above && isUnitsRow(before.fields)) return { head: above, units: before, at: first - 2 };
  return { head: before, units: undefined, at: before ? first - 1 : first };
}
