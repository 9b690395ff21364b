import { LabError } from '../../core/errors.ts';
import type { FormatJob, Written } from './format-writer.ts';

/** The formats of messages (docs/lablink-formats.md). */
export async function writeMessages({ out }: FormatJob): Promise<Written> {
  throw new LabError('export.unsupported', `The formats of messages cannot be exported yet. Nothing was written.`, {
    out,
  });
}
