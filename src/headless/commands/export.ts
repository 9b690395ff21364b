import { resolve } from 'node:path';
import type { ExportChoices, ExportFormat } from '../../contract/export-schema.ts';
import { exportFormat, exportOptions } from '../../contract/export-schema.ts';
import { LabError } from '../../core/errors.ts';
import { exportRecording } from '../../engine/export/export-recording.ts';
import type { Arguments, Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { messageChoicesOf } from '../message-choices.ts';

const SAY_EVERY_MS = 2_000;

/** A recording, or a range of it, in a format others read. The file appears when it is whole. */
export const exportFile: Command = {
  name: 'export',
  usage: 'FILE --format FORMAT --out F [--channel ID]… [--from TIME] [--to TIME] …',
  summary: 'Writes a recording, or a range of it, for other programs.',
  options: {
    format: { type: 'string', value: 'FORMAT', about: exportFormat.options.join(', ') },
    out: { type: 'string', value: 'F', about: 'the file to write; replaced if it is there' },
    channel: { type: 'string', value: 'ID', about: 'only this channel (may be repeated)', multiple: true },
    from: { type: 'string', value: 'TIME', about: 'from this time on: ISO-8601, or ns since 1970' },
    to: { type: 'string', value: 'TIME', about: 'up to this time' },
    separator: { type: 'string', value: 'C', about: 'CSV: , or ; or tab' },
    decimal: { type: 'string', value: 'C', about: 'CSV: . or ,' },
    'units-row': { type: 'boolean', about: 'CSV: a second row with the units' },
    long: { type: 'boolean', about: 'one row a sample instead of one column a channel' },
    merge: { type: 'string', value: 'RULE', about: 'as-measured, nearest or interpolated' },
    grid: { type: 'string', value: 'TIME', about: 'with nearest and interpolated: rows this far apart, such as 100ms' },
    provenance: { type: 'boolean', about: 'when each poll was sent and answered' },
    compression: { type: 'string', value: 'HOW', about: 'MCAP, Parquet: none, lz4 or zstd' },
    plain: { type: 'boolean', about: 'MCAP: every row also as a plain JSON message' },
    gzip: { type: 'boolean', about: 'lablink formats: packed' },
    'no-times': { type: 'boolean', about: 'lablink formats: without the time of each message' },
    'no-head': { type: 'boolean', about: 'lablink formats: without the first message, which says what it is' },
    rotate: { type: 'string', value: 'SIZE', about: 'lablink formats: a new file after so much, such as 100MB' },
    'full-scale': { type: 'string', value: 'N', about: 'WAV: full scale in the unit of the channel' },
    samples: { type: 'string', value: 'HOW', about: 'WAV: float32 or pcm16' },
    width: { type: 'string', value: 'PX', about: 'pictures: width' },
    height: { type: 'string', value: 'PX', about: 'pictures: height' },
    theme: { type: 'string', value: 'NAME', about: 'pictures: dark or light' },
  },
  positionals: [1, 1],
  async run(args, { files, out, say, signal }) {
    const format = formatOf(args);
    const options = exportOptionsOf(args);
    const path = resolve(args.need('out'));
    const channels = args.texts('channel');
    const fromNs = timeOf(args, 'from');
    const toNs = timeOf(args, 'to');
    let saidMs = performance.now();
    const { rows, bytes, notes } = await exportRecording({
      worker: files.exportWorker,
      path: args.at(0),
      out: path,
      format,
      options,
      ...(channels.length > 0 ? { channels } : {}),
      ...(fromNs === undefined ? {} : { fromNs }),
      ...(toNs === undefined ? {} : { toNs }),
      signal,
      onProgress: (share) => {
        if (performance.now() - saidMs < SAY_EVERY_MS) return;
        saidMs = performance.now();
        say(`exporting, ${Math.floor(share * 100)} %`);
      },
    });
    for (const note of notes) say(note);
    if (args.flag('json')) await out.json({ path, rows, bytes, notes });
    else await out.line(`${path}  ${rows} rows, ${bytes} bytes`);
    return EXIT.done;
  },
};

function formatOf(args: Arguments): ExportFormat {
  const format = exportFormat.safeParse(args.need('format'));
  if (format.success) return format.data;
  throw new LabError(
    'call.invalid',
    `There is no format "${args.text('format')}". There are: ${exportFormat.options.join(', ')}.`,
  );
}

/** Throws call.invalid: a value that does not fit. */
export function exportOptionsOf(args: Arguments): ExportChoices {
  const gridMs = args.durationMs('grid');
  const fullScale = args.text('full-scale');
  const given = {
    separator: args.text('separator'),
    decimal: args.text('decimal'),
    unitsRow: args.flag('units-row') || undefined,
    shape: args.flag('long') ? 'long' : undefined,
    merge: args.text('merge'),
    gridS: gridMs === undefined ? undefined : gridMs / 1000,
    provenance: args.flag('provenance') || undefined,
    compression: args.text('compression'),
    plainMessages: args.flag('plain') || undefined,
    ...messageChoicesOf(args),
    fullScale: fullScale === undefined ? undefined : Number(fullScale),
    wavSamples: args.text('samples'),
    width: args.whole('width', 200, 8000),
    height: args.whole('height', 100, 8000),
    theme: args.text('theme'),
  };
  const parsed = exportOptions.safeParse(
    Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  );
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new LabError(
    'call.invalid',
    `${issue?.path.join('.') ?? 'An option'} does not fit: ${issue?.message ?? ''}. See labwire export --help.`,
  );
}

/** ns since 1970; undefined if it was not given. */
function timeOf(args: Arguments, name: string): bigint | undefined {
  const text = args.text(name);
  if (text === undefined) return undefined;
  if (/^\d{16,19}$/.test(text)) return BigInt(text);
  const [whole = '', fraction = ''] = text.replace(/Z$/, '').split('.');
  const ms = Date.parse(`${whole}Z`);
  if (Number.isNaN(ms) || !/^\d{0,9}$/.test(fraction)) {
    throw new LabError('call.invalid', `--${name} is "${text}"; write 2026-01-02T03:04:05.123Z, or ns since 1970.`);
  }
  return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}
