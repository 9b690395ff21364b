import type { ExportFormat } from '../../contract/export-schema.ts';
import { writeCsv } from './csv-export.ts';
import type { FormatWriter } from './format-writer.ts';
import { writeHdf5 } from './hdf5-export.ts';
import { writeJson } from './json-export.ts';
import { writeJsonLines } from './jsonl-export.ts';
import { writeMcap } from './mcap-export.ts';
import { messageWriter } from './message-export.ts';
import { writeNpy } from './npy-export.ts';
import { writeNpz } from './npz-export.ts';
import { writeParquet } from './parquet-export.ts';
import { writePng, writeSvg } from './plot-export.ts';
import { writeWav } from './wav-export.ts';

/** Who writes which format. */
export const FORMAT_WRITERS: Readonly<Record<ExportFormat, FormatWriter>> = {
  csv: writeCsv,
  jsonl: writeJsonLines,
  json: writeJson,
  parquet: writeParquet,
  hdf5: writeHdf5,
  npy: writeNpy,
  npz: writeNpz,
  wav: writeWav,
  mcap: writeMcap,
  png: writePng,
  svg: writeSvg,
  'lablink-jsonl': messageWriter('lablink-jsonl'),
  'lablink-json': messageWriter('lablink-json'),
  'lablink-csv': messageWriter('lablink-csv'),
  'lablink-binary': messageWriter('lablink-binary'),
};
