import { z } from 'zod';
import { ROTATE_BYTES, rotateBytes } from './recording-schema.ts';
import { id, timeNs } from './value-schema.ts';

/** Tables and files others read; the `lablink-…` hold messages. */
export const exportFormat = z.enum([
  'csv',
  'jsonl',
  'json',
  'parquet',
  'hdf5',
  'npy',
  'npz',
  'wav',
  'mcap',
  'png',
  'svg',
  'lablink-jsonl',
  'lablink-json',
  'lablink-csv',
  'lablink-binary',
]);
export type ExportFormat = z.infer<typeof exportFormat>;

/** How channels of different clocks come into one table. The choice is written into the file. */
export const mergeRule = z.enum(['as-measured', 'nearest', 'interpolated']);
export type MergeRule = z.infer<typeof mergeRule>;

export const exportOptions = z.object({
  /** CSV: between fields, and in numbers; they must differ. */
  separator: z.enum([',', ';', 'tab']).default(','),
  decimal: z.enum(['.', ',']).default('.'),
  /** CSV: a second row with the units instead of units in brackets. */
  unitsRow: z.boolean().default(false),
  /** One column a channel, or one row a sample (time, channel, value, unit). */
  shape: z.enum(['wide', 'long']).default('wide'),
  merge: mergeRule.default('as-measured'),
  /** With `nearest` and `interpolated`: rows this far apart; absent: at the times of the fastest channel. s */
  gridS: z.number().positive().max(86_400).optional(),
  /** Polled channels: columns with the times of sending and receiving too. */
  provenance: z.boolean().default(false),
  /** MCAP and Parquet: packed. MCAP: rows as plain JSON messages as well. */
  compression: z.enum(['none', 'lz4', 'zstd']).default('none'),
  plainMessages: z.boolean().default(false),
  /** Formats of messages. */
  gzip: z.boolean().default(false),
  timestamps: z.boolean().default(true),
  metadata: z.boolean().default(true),
  /** A file ends here, and the next begins. */
  rotateBytes: rotateBytes.default(ROTATE_BYTES.standard),
  /** WAV: full scale in the unit of the channel; absent: the greatest value. What a sample is. */
  fullScale: z.number().positive().optional(),
  wavSamples: z.enum(['float32', 'pcm16']).default('float32'),
  /** Picture: size in px. */
  width: z.int().min(200).max(8000).default(1600),
  height: z.int().min(100).max(8000).default(900),
  theme: z.enum(['dark', 'light']).default('light'),
});
export type ExportOptions = z.infer<typeof exportOptions>;
export type ExportChoices = z.input<typeof exportOptions>;

export const exportRequest = z.object({
  recording: id,
  format: exportFormat,
  /** Without one: into the exports folder of the data folder, whence a browser downloads it. */
  path: z.string().max(4000).optional(),
  fromNs: timeNs.optional(),
  toNs: timeNs.optional(),
  channels: z.array(id).min(1).max(500).optional(),
  options: exportOptions.optional(),
});
