import type { ExportFormat } from '../../contract/export-schema.ts';
import { writeCsv } from './csv-export.ts';
import type { FormatWriter } from './format-writer.ts';
import { writeJson } from './json-export.ts';
import { writeJsonLines } from './jsonl-export.ts';
import { writeMessages } from './message-export.ts';

/** Who writes which format. */
export const FORMAT_WRITERS: Readonly<Record<ExportFormat, FormatWriter>> = {
  csv: writeCsv,
  jsonl: writeJsonLines,
  json: writeJson,
  parquet: writeMessages,
  hdf5: writeMessages,
  npy: writeMessages,
  npz: writeMessages,
  wav: writeMessages,
  mcap: writeMessages,
  png: writeMessages,
  svg: writeMessages,
  'lablink-jsonl': writeMessages,
  'lablink-json': writeMessages,
  'lablink-csv': writeMessages,
  'lablink-binary': writeMessages,
};
