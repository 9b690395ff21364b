import { LabError } from '../../core/errors.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { openScreen } from '../screen.ts';

/** What already happened, from the flight recorder of the engine that runs. */
export const saveLast: Command = {
  name: 'save-last',
  usage: 'TIME [--name NAME] [--notes TEXT] [--tag TAG]…',
  summary: 'Saves the last minutes of a running bench as a recording, though nobody pressed record.',
  options: {
    name: { type: 'string', value: 'NAME', about: 'name of the recording' },
    notes: { type: 'string', value: 'TEXT', about: 'kept with it' },
    tag: { type: 'string', value: 'TAG', about: 'a tag (may be repeated)', multiple: true },
  },
  positionals: [1, 1],
  async run(args, shell) {
    const minutes = args.positionalMs(0) / 60_000;
    await using screen = await openScreen(args, shell);
    if (screen.isOwn) {
      throw new LabError(
        'flight.unavailable',
        'No Labwire is running on this data folder, so no flight recorder runs. Start Labwire or labwire serve, or give its data folder with --data.',
      );
    }
    const name = args.text('name');
    const notes = args.text('notes');
    const tags = args.texts('tag');
    const row = await screen.client.call(
      'recording.saveLast',
      { minutes, ...(name ? { name } : {}), ...(notes ? { notes } : {}), ...(tags.length > 0 ? { tags } : {}) },
      { signal: shell.signal },
    );
    if (args.flag('json'))
      await shell.out.json({ recording: row.id, paths: row.paths, durationSeconds: row.durationS });
    else for (const path of row.paths) await shell.out.line(path);
    return EXIT.done;
  },
};
