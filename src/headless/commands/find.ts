import type { FoundInstrument } from '../../contract/discovery-schema.ts';
import { announcedBench } from '../bench-announcement.ts';
import type { Command } from '../command.ts';
import { dataFolderOf } from '../data-folder.ts';
import { EXIT } from '../exit-code.ts';
import { instrumentRow, printInstruments } from '../instrument-rows.ts';
import { openScreen } from '../screen.ts';

/** What the engine finds, and the instruments of a `labwire bench` on the same data folder. Never probes a serial port. */
export const find: Command = {
  name: 'find',
  usage: '',
  summary: 'Lists the instruments that can be attached.',
  options: {},
  positionals: [0, 0],
  async run(args, shell) {
    await using screen = await openScreen(args, shell);
    const { found } = await screen.client.call('instrument.find', {}, { signal: shell.signal });
    const bench = await announcedBench(dataFolderOf(args.text('data')));
    const known = new Set(found.flatMap(({ resources }) => resources));
    const more = bench.filter(({ resources }) => !resources.some((resource) => known.has(resource)));
    const rows = [...found.map(withoutSource), ...more.map(instrumentRow)];
    await printInstruments(rows, args.flag('json'), shell.out);
    return EXIT.done;
  },
};

function withoutSource({ source: _, ...row }: FoundInstrument): Omit<FoundInstrument, 'source'> {
  return row;
}
