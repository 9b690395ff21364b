import type { ColumnInfo } from '../../core/stream-info.ts';
import type { DescribedChannel } from '../recording/recording-about.ts';
import { readUnit, splitName } from './csv-names.ts';
import type { CsvShape } from './csv-sniff.ts';
import type { CsvTime } from './csv-time.ts';
import { guessTime, parseIso, timeUnitNs } from './csv-time.ts';
import { parseValue } from './csv-value.ts';
import { importFailed } from './import-error.ts';
import { distinct, plain } from './topic-stream.ts';

/** A column of values. */
export interface CsvColumn {
  /** Index in the table. */
  from: number;
  /** As its head says it, for messages. */
  title: string;
  instrument: string;
  info: ColumnInfo;
  /** As its head calls it, without the unit; '' if it has none. */
  label: string;
  /** What is shown is this power of ten of what is written: a column in mV is shown in V, and kept as it is. */
  exponent: number;
  shownUnit: string;
}

/** How a table becomes a recording. */
export interface CsvPlan {
  time: CsvTime;
  /** Index of the column of times; -1 for none. */
  timeColumn: number;
  columns: CsvColumn[];
  notes: string[];
}

const TIME_NAME =
  /^(#|time|timestamp|date|datetime|date ?time|t|zeit|epoch|utc|elapsed|seconds?|secs?|s|ms|us|µs|ns)( \(.*\))?$/i;

/** @throws LabError import.failed: there is no column of values */
export function planCsv(path: string, shape: CsvShape, table: string): CsvPlan {
  const heads = Array.from({ length: shape.columns }, (_, index) => {
    const { name, unit } = splitName(shape.head?.fields[index] ?? '');
    const own = shape.units?.fields[index]?.trim() ?? '';
    return { name, unit: own === '' ? unit : own.replace(/^[[(]|[\])]$/g, '') };
  });
  const notes: string[] = [];
  const { time, timeColumn } = findTime(path, shape, heads, notes);
  const isOurs = timeColumn === 0 && time.kind === 'iso' && heads[1]?.name === 'elapsed' && heads[1].unit === 's';
  const left: string[] = [];
  const taken: { from: number; title: string; label: string; unit: string }[] = [];
  for (const [from, { name, unit }] of heads.entries()) {
    // The same time once more.
    if (from === timeColumn || (isOurs && from === 1)) continue;
    const title = name === '' ? `column ${from + 1}` : name;
    if (isNumeric(shape, from)) taken.push({ from, title, label: name.slice(0, 200), unit });
    else left.push(title);
  }
  if (left.length > 0) notes.push(`Columns that hold no numbers were left out: ${left.slice(0, 50).join(', ')}.`);
  if (taken.length === 0) {
    throw importFailed(path, 'it has no column of numbers', 'A table has a row of names and rows of values.');
  }
  const names = distinct(taken.map(({ title }) => title));
  return {
    time,
    timeColumn,
    columns: taken.map((column, index) => columnOf(column, names[index] ?? '', table)),
    notes,
  };
}

/** `supply/ch1.voltage` is a channel of an instrument; another name is one of the table. */
function columnOf(
  { from, title, label, unit }: { from: number; title: string; label: string; unit: string },
  name: string,
  table: string,
): CsvColumn {
  const slash = name.indexOf('/');
  const isChannel = slash > 0 && slash < name.length - 1;
  const instrument = isChannel ? plain(name.slice(0, slash)) : table;
  const channel = isChannel ? name.slice(slash + 1).slice(0, 150) : plain(name);
  const known = readUnit(unit);
  const written = known?.exponent === 0 ? known.unit : unit;
  return {
    from,
    title,
    label,
    instrument,
    info: { channel: channel.startsWith('~') ? `_${channel}` : channel, unit: written },
    exponent: known?.exponent ?? 0,
    shownUnit: known && known.exponent !== 0 ? known.unit : '',
  };
}

/** What the host would say about the channels. */
export function describeColumns(columns: readonly CsvColumn[]): DescribedChannel[] {
  return columns.map(({ instrument, info, label, exponent, shownUnit }) => ({
    id: `${instrument}/${info.channel}`,
    label,
    shownUnit,
    scale: { gain: Number(`1e${exponent}`), offset: 0 },
  }));
}

function isNumeric({ rows, hasComma }: CsvShape, column: number): boolean {
  const values = rows.map(({ fields }) => parseValue(fields[column] ?? '', hasComma));
  const words = values.filter((value) => value === undefined).length;
  return words * 2 <= values.length;
}

function findTime(
  path: string,
  shape: CsvShape,
  heads: readonly { name: string; unit: string }[],
  notes: string[],
): { time: CsvTime; timeColumn: number } {
  // Most of them: a line that holds none is an error, and must not make it a column of words.
  const iso = heads.findIndex((_, index) => {
    const times = shape.rows.filter(({ fields }) => parseIso(fields[index] ?? '') !== undefined);
    return times.length * 2 >= shape.rows.length;
  });
  if (iso >= 0) {
    if (shape.rows.some(({ fields }) => !/(Z|[+-]\d\d(:?\d\d)?)\s*$/.test(fields[iso] ?? '')))
      notes.push('Its times have no zone and were taken as UTC.');
    return { time: { kind: 'iso' }, timeColumn: iso };
  }
  const named = heads.findIndex(({ name }) => TIME_NAME.test(name));
  if (named >= 0 && !isNumeric(shape, named)) {
    const found = shape.rows[0]?.fields[named] ?? '';
    throw importFailed(
      path,
      `its column “${heads[named]?.name}” holds “${found.slice(0, 40)}”, which is no time known here`,
      'Write times like 2026-01-31T13:45:00.123Z, or as numbers (s, ms, µs or ns), or rename the column to have its rows numbered.',
    );
  }
  if (named < 0) {
    notes.push('It has no column of times: its rows are set one second apart, from the time of the file on.');
    return { time: { kind: 'none' }, timeColumn: -1 };
  }
  const { name, unit } = heads[named] ?? { name: '', unit: '' };
  const unitNs = timeUnitNs(unit === '' ? name : unit);
  const firstValue = parseValue(shape.rows[0]?.fields[named] ?? '', shape.hasComma) ?? Number.NaN;
  if (unitNs !== undefined) {
    const isAbsolute = (firstValue * unitNs) / 1e9 > 631_152_000;
    if (!isAbsolute) notes.push(`Its times count from a zero that it does not tell: here, the time of the file.`);
    return { time: { kind: 'number', unitNs, isAbsolute }, timeColumn: named };
  }
  const time = guessTime(firstValue);
  const counted = { 1: 'ns', 1e3: 'µs', 1e6: 'ms', 1e9: 's' }[time.unitNs] ?? 's';
  notes.push(
    time.isAbsolute
      ? `Its column “${name}” has no unit and was taken as ${counted} since 1970.`
      : `Its column “${name}” was taken as seconds from a zero that it does not tell: here, the time of the file.`,
  );
  return { time, timeColumn: named };
}
