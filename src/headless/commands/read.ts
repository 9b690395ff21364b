import { attach, chooseChannels, withChannels } from '../attachment.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { openScreen } from '../screen.ts';
import { sampleJson, sampleText, watchSamples } from '../watch-samples.ts';

/** With --count: how long nothing may come. */
const SILENCE_MS = 10_000;

/** Attaches, prints samples as they come, detaches. */
export const read: Command = {
  name: 'read',
  usage: 'RESOURCE [--count N] [--channel NAME]… [--timeout 10s]',
  summary: 'Prints samples of an instrument, one a line, until stopped or until N are printed.',
  options: {
    count: { type: 'string', value: 'N', about: 'samples to print, over all channels together' },
    channel: { type: 'string', value: 'NAME', about: 'only this channel (may be repeated)', multiple: true },
    timeout: { type: 'string', value: 'TIME', about: 'give up when nothing comes for so long (with --count: 10s)' },
  },
  positionals: [1, 1],
  async run(args, shell) {
    const count = args.whole('count', 1, Number.MAX_SAFE_INTEGER);
    const silenceMs = args.durationMs('timeout') ?? (count === undefined ? undefined : SILENCE_MS);
    await using screen = await openScreen(args, shell);
    const attached = await withChannels(screen, await attach(screen, args.at(0), shell), shell);
    const channels = chooseChannels(attached, args.texts('channel')).map(({ id }) => id);
    const asJson = args.flag('json');
    let left = count ?? Number.POSITIVE_INFINITY;
    for await (const sample of watchSamples(screen, { channels, silenceMs }, shell)) {
      await (asJson ? shell.out.json(sampleJson(sample)) : shell.out.line(sampleText(sample)));
      if (--left === 0) return EXIT.done;
    }
    // Stopped by hand: early only if a number was asked for.
    return count === undefined ? EXIT.done : EXIT.interrupted;
  },
};
