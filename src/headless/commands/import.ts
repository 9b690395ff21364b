import { resolve } from 'node:path';
import { LabError } from '../../core/errors.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { followJob } from '../followed-job.ts';
import { openScreen } from '../screen.ts';

/** A file of ours, any MCAP with numbers in JSON messages, or a CSV table, as a recording. */
export const importFile: Command = {
  name: 'import',
  usage: 'FILE [--out DIR] [--name NAME]',
  summary: 'Makes a recording of a file: one of ours, an MCAP file with JSON messages, or a CSV table.',
  options: {
    out: {
      type: 'string',
      value: 'DIR',
      about: 'folder of the recording (default: here; of a running engine: its own)',
    },
    name: { type: 'string', value: 'NAME', about: 'name of the recording (default: that of the file)' },
  },
  positionals: [1, 1],
  async run(args, shell) {
    await using screen = await openScreen(args, shell);
    const { client } = screen;
    const out = args.text('out');
    if (screen.isOwn) await client.call('settings.set', { recordingsFolder: resolve(out ?? '.') });
    else if (out !== undefined) {
      const { settings } = await client.call('bench.read', {});
      throw new LabError(
        'call.invalid',
        `Labwire is running and keeps its recordings in ${settings.recordingsFolder}. Leave --out away, or give another data folder with --data.`,
      );
    }
    const name = args.text('name');
    const job = await client.call('recording.import', { path: resolve(args.at(0)), ...(name ? { name } : {}) });
    const { path } = await followJob(screen, job, shell);
    if (args.flag('json')) await shell.out.json({ path });
    else await shell.out.line(path ?? '');
    return EXIT.done;
  },
};
