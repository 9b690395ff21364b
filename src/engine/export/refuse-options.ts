import type { ExportFormat, ExportOptions } from '../../contract/export-schema.ts';
import { LabError } from '../../core/errors.ts';

/** Formats that are tables, and those of them that can have a row a value. */
const TABLES: ReadonlySet<ExportFormat> = new Set(['csv', 'jsonl', 'json', 'parquet', 'npy']);
const LONG: ReadonlySet<ExportFormat> = new Set(['csv', 'jsonl', 'json', 'parquet']);

/** What a format cannot do is refused, not left out in silence. @throws LabError export.unsupported */
export function refuseOptions(format: ExportFormat, { merge, shape }: ExportOptions): void {
  if (merge !== 'as-measured' && !TABLES.has(format)) {
    throw new LabError(
      'export.unsupported',
      `${format} keeps streams of different clocks apart, so there is nothing to be ${merge}. Nothing was written. Export as measured, or as a table (${[...TABLES].join(', ')}).`,
    );
  }
  if (shape === 'long' && !LONG.has(format)) {
    throw new LabError(
      'export.unsupported',
      `${format} has a column for each channel, not a row for each value. Nothing was written. Choose the wide shape, or one of ${[...LONG].join(', ')}.`,
    );
  }
}
