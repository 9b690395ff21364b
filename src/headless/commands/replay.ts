import type { ReplaySpeed } from '../../contract/replay-schema.ts';
import { LabError } from '../../core/errors.ts';
import type { Arguments, Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { findRecorded } from '../recorded-file.ts';
import { openScreen } from '../screen.ts';
import { sampleJson, sampleText, watchSamples } from '../watch-samples.ts';

/** A recording that plays again: its samples, one a line, at the pace they were measured or another. */
export const replay: Command = {
  name: 'replay',
  usage: 'FILE [--speed 0.1…100|max] [--channel ID]…',
  summary: 'Plays a recording: prints its samples as if they were measured now.',
  options: {
    speed: { type: 'string', value: 'N', about: '0.1 to 100 times the speed it was measured at, or max (default 1)' },
    channel: { type: 'string', value: 'ID', about: 'only this channel (may be repeated)', multiple: true },
  },
  positionals: [1, 1],
  async run(args, shell) {
    const speed = speedOf(args);
    await using screen = await openScreen(args, shell);
    const { client } = screen;
    const row = await findRecorded(screen, args.at(0));
    const info = await client.call('recording.info', { recording: row.id });
    const known = info.channels.map(({ id }) => id);
    const wanted = args.texts('channel');
    for (const channel of wanted) {
      if (known.includes(channel)) continue;
      throw new LabError(
        'channel.unknown',
        `The recording has no channel ${channel}. There are: ${known.join(', ')}.`,
        { channel },
      );
    }
    const opened = await client.call('replay.open', { recording: row.id });
    // What was played last is on its way then, and a slow reader has more of it to take.
    const over = new AbortController();
    let isOver = false;
    client.on('replay.changed', ({ replay: now }) => {
      if (now.id !== opened.id || (now.state !== 'ended' && now.state !== 'failed')) return;
      isOver = now.state === 'ended';
      over.abort();
    });
    const channels = wanted.length > 0 ? wanted : known;
    const started = (): Promise<unknown> => client.call('replay.set', { replay: opened.id, speed, play: true });
    const asJson = args.flag('json');
    const watch = { channels, origin: opened.id, started, over: over.signal };
    for await (const sample of watchSamples(screen, watch, shell)) {
      await (asJson ? shell.out.json(sampleJson(sample)) : shell.out.line(sampleText(sample)));
    }
    await client.call('replay.close', { replay: opened.id }).catch(() => undefined);
    return isOver ? EXIT.done : EXIT.interrupted;
  },
};

function speedOf(args: Arguments): ReplaySpeed {
  const text = args.text('speed') ?? '1';
  if (text === 'max') return 'max';
  const speed = Number(text);
  if (speed >= 0.1 && speed <= 100) return speed;
  throw new LabError('call.invalid', `--speed is "${text}"; it must be a number from 0.1 to 100, or max.`);
}
