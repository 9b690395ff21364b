import { viewFrame } from '../../contract/frame-read.ts';
import { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { attach, chooseChannels, withChannels } from '../attachment.ts';
import type { Command, Shell } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import type { SampleLine } from '../sample-lines.ts';
import { samplesOf } from '../sample-lines.ts';
import type { Screen } from '../screen.ts';
import { openScreen } from '../screen.ts';
import { isoTimestamp } from '../timestamp.ts';

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
    for await (const sample of watchSamples(screen, channels, silenceMs, shell)) {
      await (asJson ? shell.out.json(jsonOf(sample)) : shell.out.line(textOf(sample)));
      if (--left === 0) return EXIT.done;
    }
    // Stopped by hand: early only if a number was asked for.
    return count === undefined ? EXIT.done : EXIT.interrupted;
  },
};

/** Samples as they come. A slow reader costs the engine nothing: credit is given back when a frame is printed. */
async function* watchSamples(
  { client }: Screen,
  channels: string[],
  silenceMs: number | undefined,
  { signal, say }: Shell,
): AsyncGenerator<SampleLine> {
  const streams = new Map<number, StreamInfo>();
  const frames: ArrayBuffer[] = [];
  let wake = (): void => {};
  client.on('stream.opened', ({ stream }) => void streams.set(stream.id, stream));
  client.on('instrument.changed', ({ instrument }) => {
    if (instrument.state === 'reconnecting') say(`${instrument.label} is gone; reconnecting.`);
  });
  client.onFrame((frame) => {
    frames.push(frame);
    wake();
  });
  signal.addEventListener('abort', () => wake(), { once: true });
  let end: LabError | undefined;
  void client.closed.then((error) => {
    end = error;
    wake();
  });
  const answer = await client.call('stream.watch', { channels, mode: { kind: 'raw' } }, { signal });
  for (const stream of answer.streams) streams.set(stream.id, stream);
  while (!signal.aborted) {
    const buffer = frames.shift();
    if (!buffer) {
      if (end) throw end;
      const inTime = await new Promise<boolean>((resolve) => {
        const timer = silenceMs === undefined ? undefined : setTimeout(() => resolve(false), silenceMs);
        wake = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      if (inTime) continue;
      throw new LabError('transport.timeout', `No sample came for ${(silenceMs ?? 0) / 1000} s. Is it measuring?`);
    }
    const frame = viewFrame(buffer);
    for (const block of frame.blocks) {
      if (block.isReply || block.id !== answer.watch) continue;
      if (block.kind === 'skipped')
        say(`Samples ${block.from} to ${block.to} came too fast to print and are left out.`);
      if (block.kind === 'gap') say(`The engine lacks ${block.lost} rows (${block.reason}).`);
      const stream = streams.get(block.stream);
      if (block.kind === 'raw' && stream) yield* samplesOf(block, stream);
    }
    if (frame.number > 0) client.tell('watch.seen', { frame: frame.number });
  }
}

function jsonOf({ timeNs, channel, value, unit, state }: SampleLine): object {
  return { t: isoTimestamp(timeNs), channel, value, unit, ...(state ? { state } : {}) };
}

function textOf({ timeNs, channel, value, unit, state }: SampleLine): string {
  return `${isoTimestamp(timeNs)}  ${channel}  ${value ?? state ?? ''}${value === null ? '' : ` ${unit}`}`.trimEnd();
}
