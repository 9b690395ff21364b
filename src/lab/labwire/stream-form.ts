import { LabError } from '../../core/errors.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import type { ColumnForm, FrameColumns } from '../../protocol/lab/labwire-columns.ts';
import type { LabwireData, LabwireStreamSchema } from '../../protocol/lab/labwire-messages.ts';

/** How the rows of one stream are read. */
export interface StreamForm {
  columns: readonly ColumnInfo[];
  form: ColumnForm;
  /** Rows each second; 0: they come when they come. */
  rateHz: number;
}

/** Reads the schema of a stream. Lists that are too short leave the rest without unit or grid. */
export function streamForm(schema: LabwireStreamSchema): StreamForm {
  const { channels, units = [], scale = [], offset = [], dt = 0 } = schema;
  const grids = channels.map((_, index) => {
    const step = scale[index];
    return typeof step === 'number' && step !== 0 ? { scale: step, offset: offset[index] ?? 0 } : undefined;
  });
  return {
    columns: channels.map((channel, index) => ({ channel, unit: units[index] ?? '', ...grids[index] })),
    form: { dtype: schema.dtype ?? 'f64', grids },
    rateHz: dt > 0 ? 1 / dt : 0,
  };
}

export function isSameForm(one: StreamForm, other: StreamForm): boolean {
  return (
    one.rateHz === other.rateHz &&
    one.form.dtype === other.form.dtype &&
    one.columns.length === other.columns.length &&
    one.columns.every((column, index) => {
      const twin = other.columns[index];
      return (
        column.channel === twin?.channel &&
        column.unit === twin.unit &&
        column.scale === twin.scale &&
        column.offset === twin.offset
      );
    })
  );
}

/** The one row of a text message: missing is NaN, overload an infinity. Throws server.malformed for a row that does not fit. */
export function rowOfText(form: StreamForm, { data, state = {}, t }: LabwireData): FrameColumns {
  const values = Array.isArray(data)
    ? data
    : form.columns.map(({ channel }) => (Object.hasOwn(data, channel) ? data[channel] : null));
  if (values.length !== form.columns.length) throw misfit(values.length, form.columns.length);
  return {
    columns: form.columns.map(({ channel }, index) => {
      const value = values[index] ?? overloadValue(state[channel]);
      return form.form.dtype === 'f32' ? Float32Array.of(value) : Float64Array.of(value);
    }),
    timesNs: BigInt64Array.of(nsOfMicros(t)),
  };
}

/** Rows of the history over REST: `[seq, t µs, values…]`, all of consecutive numbers. Throws server.malformed for rows that do not fit. */
export function rowsOfHistory(form: StreamForm, rows: readonly (readonly (number | null)[])[]): FrameColumns {
  const width = form.columns.length;
  const columns = form.columns.map(() =>
    form.form.dtype === 'f32' ? new Float32Array(rows.length) : new Float64Array(rows.length),
  );
  const timesNs = new BigInt64Array(rows.length);
  rows.forEach((row, at) => {
    if (row.length !== width + 2) throw misfit(row.length - 2, width);
    timesNs[at] = nsOfMicros(row[1] ?? 0);
    columns.forEach((column, index) => {
      column[at] = row[index + 2] ?? Number.NaN;
    });
  });
  return { columns, timesNs };
}

/** A value that is null, by its state: beyond the range, or missing. */
export function overloadValue(state: string | undefined): number {
  if (state === 'overload') return Number.POSITIVE_INFINITY;
  return state === '-overload' ? Number.NEGATIVE_INFINITY : Number.NaN;
}

function nsOfMicros(micros: number): bigint {
  const whole = Math.floor(micros);
  return Math.abs(micros) < 9e15 ? BigInt(whole) * 1000n + BigInt(Math.round((micros - whole) * 1000)) : 0n;
}

function misfit(values: number, columns: number): LabError {
  return new LabError(
    'server.malformed',
    `The lab server sent a row of ${values} values for a stream of ${columns} columns. It is left out; the numbering shows it as lost.`,
    { values, columns },
  );
}
