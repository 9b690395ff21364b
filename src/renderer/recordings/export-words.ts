import type { ExportChoices, ExportFormat } from '../../contract/export-schema.ts';

/** The formats as a person knows them. */
export const EXPORT_WORDS: Record<ExportFormat, { title: string; about: string }> = {
  csv: { title: 'CSV', about: 'A table for spreadsheets and scripts.' },
  jsonl: { title: 'JSON Lines', about: 'One JSON object a row.' },
  json: { title: 'JSON', about: 'One document with everything.' },
  parquet: { title: 'Parquet', about: 'Columns for pandas, DuckDB, Spark.' },
  hdf5: { title: 'HDF5', about: 'Groups and datasets for MATLAB, h5py.' },
  npy: { title: 'NumPy .npy', about: 'One structured array: the time and a field a channel.' },
  npz: { title: 'NumPy .npz', about: 'An array a channel, of each stream, in one file.' },
  wav: { title: 'WAV', about: 'Sampled signals as sound.' },
  mcap: { title: 'MCAP', about: 'A copy in our own format.' },
  png: { title: 'Picture (PNG)', about: 'The plot, in pixels.' },
  svg: { title: 'Picture (SVG)', about: 'The plot, as a drawing.' },
  'lablink-jsonl': { title: 'LabLink JSON Lines', about: 'Messages, one a line.' },
  'lablink-json': { title: 'LabLink JSON', about: 'Messages in one array.' },
  'lablink-csv': { title: 'LabLink CSV', about: 'Messages as timestamp, type, data.' },
  'lablink-binary': { title: 'LabLink binary', about: 'Messages with their length before them.' },
};

const EXTENSIONS: Record<ExportFormat, string> = {
  csv: '.csv',
  jsonl: '.jsonl',
  json: '.json',
  parquet: '.parquet',
  hdf5: '.h5',
  npy: '.npy',
  npz: '.npz',
  wav: '.wav',
  mcap: '.mcap',
  png: '.png',
  svg: '.svg',
  'lablink-jsonl': '.jsonl',
  'lablink-json': '.json',
  'lablink-csv': '.csv',
  'lablink-binary': '.bin',
};

/** `.csv`; packed formats of messages end in `.gz`. */
export function extensionOf(format: ExportFormat, options: ExportChoices): string {
  return `${EXTENSIONS[format]}${format.startsWith('lablink-') && options.gzip ? '.gz' : ''}`;
}

/** What can be chosen for a format. */
export function choicesOf(format: ExportFormat): ReadonlySet<keyof ExportChoices> {
  const table = ['merge', 'gridS', 'provenance', 'shape'] as const;
  switch (format) {
    case 'csv':
      return new Set([...table, 'separator', 'decimal', 'unitsRow']);
    case 'jsonl':
    case 'json':
      return new Set(table);
    case 'parquet':
      return new Set([...table, 'compression']);
    case 'npy':
      return new Set(['merge', 'gridS', 'provenance']);
    case 'wav':
      return new Set(['fullScale', 'wavSamples']);
    case 'mcap':
      return new Set(['compression', 'plainMessages']);
    case 'png':
    case 'svg':
      return new Set(['width', 'height', 'theme']);
    case 'hdf5':
    case 'npz':
      return new Set(['provenance']);
    default:
      return new Set(['gzip', 'timestamps', 'metadata', 'rotateBytes']);
  }
}
