import type { ExportOptions } from '../../contract/export-schema.ts';
import { LabError } from '../../core/errors.ts';

export const LINE_END = '\r\n';

/** How fields and numbers are written. */
export interface CsvForm {
  /** Between fields. */
  separator: string;
  decimal: string;
}

/** @throws LabError export.unsupported: separator and decimal sign are the same. */
export function csvForm({ separator, decimal }: Pick<ExportOptions, 'separator' | 'decimal'>): CsvForm {
  if (separator === decimal) {
    throw new LabError(
      'export.unsupported',
      `A comma cannot both part the fields and be the decimal sign. Nothing was written. Choose another separator (; or tab) or another decimal sign.`,
    );
  }
  return { separator: separator === 'tab' ? '\t' : separator, decimal };
}

/** A field as RFC 4180 wants it: quoted if it holds a separator, a quote or a line break. */
export function csvField(text: string, separator = ','): string {
  return text.includes(separator) || /["\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
