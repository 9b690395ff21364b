import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { followJob } from '../followed-job.ts';
import { findRecorded } from '../recorded-file.ts';
import { openScreen } from '../screen.ts';

/** What can be read of a damaged recording, as another one beside it. */
export const repair: Command = {
  name: 'repair',
  usage: 'FILE',
  summary: 'Writes what can be read of a damaged recording as another one beside it; the damaged one stays.',
  options: {},
  positionals: [1, 1],
  async run(args, shell) {
    await using screen = await openScreen(args, shell);
    const row = await findRecorded(screen, args.at(0));
    const job = await screen.client.call('recording.repair', { recording: row.id });
    const { path } = await followJob(screen, job, shell);
    if (args.flag('json')) await shell.out.json({ path });
    else await shell.out.line(path ?? '');
    return EXIT.done;
  },
};
