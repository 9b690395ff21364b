import { resolve } from 'node:path';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { openLibrary } from '../../engine/recording/library.ts';
import { isFolder } from '../../engine/state/make-folder.ts';
import { createSystemClock } from '../../engine/system-clock.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { isoTimestamp } from '../timestamp.ts';

/** The recordings in a folder, newest first; needs no engine. What was cut off is finished first, unless a process still writes it. */
export const recordings: Command = {
  name: 'recordings',
  usage: 'DIR [--search TEXT]',
  summary: 'Lists the recordings in a folder, and finishes those that were cut off.',
  options: {
    search: {
      type: 'string',
      value: 'TEXT',
      about: 'only those with each of these words in name, notes, tags, operator, an instrument or a channel',
    },
  },
  positionals: [1, 1],
  async run(args, { out, say }) {
    const folder = resolve(args.at(0));
    if (!(await isFolder(folder))) {
      throw new LabError('recording.folder-gone', `There is no folder ${folder}. For one file use labwire info.`, {
        folder,
      });
    }
    await using library = await openLibrary({ folder: () => folder, clock: createSystemClock() });
    for (const { path, state, error } of await library.recover())
      if (state === 'unreadable') say(`${path} could not be finished: ${error?.message ?? 'it cannot be read.'}`);
    const rows = await library.list(args.text('search'));
    if (args.flag('json')) for (const row of rows) await out.json(jsonOf(row));
    else await out.table(rows.map(cellsOf));
    return EXIT.done;
  },
};

function jsonOf({ id, name, paths, startedNs, durationS, bytes, instruments, channels, state, reason }: RecordingRow) {
  const started = isoTimestamp(BigInt(startedNs));
  return { id, name, paths, started, durationSeconds: durationS, bytes, instruments, channels, state, reason };
}

function cellsOf({ name, paths, startedNs, durationS, bytes, channels, state }: RecordingRow): string[] {
  return [
    isoTimestamp(BigInt(startedNs)).slice(0, 19),
    `${durationS.toFixed(1)} s`,
    `${channels} channels`,
    `${bytes} B`,
    state,
    name,
    paths[0] ?? '',
  ];
}
