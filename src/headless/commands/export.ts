import { resolve } from 'node:path';
import { LabError } from '../../core/errors.ts';
import { exportRecording } from '../../engine/export/export-recording.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';

const SAY_EVERY_MS = 2_000;

/** A recording as CSV: ISO-8601 and elapsed seconds, units in the header. The file appears when it is whole. */
export const exportFile: Command = {
  name: 'export',
  usage: 'FILE --format csv --out F [--channel NAME]…',
  summary: 'Writes a recording as CSV.',
  options: {
    format: { type: 'string', value: 'csv', about: 'the format' },
    out: { type: 'string', value: 'F', about: 'the file to write; replaced if it is there' },
    channel: { type: 'string', value: 'ID', about: 'only this channel (may be repeated)', multiple: true },
  },
  positionals: [1, 1],
  async run(args, { files, out, say, signal }) {
    const format = args.need('format');
    if (format !== 'csv') throw new LabError('call.invalid', `There is no format "${format}". There is: csv.`);
    const path = resolve(args.need('out'));
    const channels = args.texts('channel');
    let saidMs = performance.now();
    const { rows, bytes } = await exportRecording({
      worker: files.exportWorker,
      path: args.at(0),
      out: path,
      format,
      ...(channels.length > 0 ? { channels } : {}),
      signal,
      onProgress: (share) => {
        if (performance.now() - saidMs < SAY_EVERY_MS) return;
        saidMs = performance.now();
        say(`exporting, ${Math.floor(share * 100)} %`);
      },
    });
    if (args.flag('json')) await out.json({ path, rows, bytes });
    else await out.line(`${path}  ${rows} rows, ${bytes} bytes`);
    return EXIT.done;
  },
};
