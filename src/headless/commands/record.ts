import { resolve } from 'node:path';
import type { CallInput } from '../../contract/calls.ts';
import { chunkCompression } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { attach } from '../attachment.ts';
import type { Arguments, Command, Shell } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import type { Screen } from '../screen.ts';
import { openScreen } from '../screen.ts';
import { pause } from '../stop.ts';

/** A stream opens with its first data; recording begins when all instruments have one, or after that. */
const FIRST_DATA_MS = 5_000;

/** Attaches, records, detaches. */
export const record: Command = {
  name: 'record',
  usage: 'RESOURCE… --out DIR [--duration 10s] [--name NAME]',
  summary: 'Records instruments into a folder, for a time or until stopped.',
  options: {
    out: { type: 'string', value: 'DIR', about: 'folder of the recording' },
    duration: { type: 'string', value: 'TIME', about: 'how long: 500ms, 10s, 1.5m, 2h; default until stopped' },
    name: { type: 'string', value: 'NAME', about: 'name of the recording' },
    notes: { type: 'string', value: 'TEXT', about: 'kept with it' },
    operator: { type: 'string', value: 'NAME', about: 'who measures' },
    tag: { type: 'string', value: 'TAG', about: 'a tag (may be repeated)', multiple: true },
    compression: { type: 'string', value: 'HOW', about: 'none, lz4 or zstd' },
    plain: { type: 'boolean', about: 'every row also as a plain JSON message, for other viewers' },
    before: {
      type: 'string',
      value: 'TIME',
      about: 'seconds before the start, from the flight recorder of a running Labwire',
    },
  },
  positionals: [1, 100],
  async run(args, shell) {
    const { signal, say, out } = shell;
    const folder = resolve(args.need('out'));
    const durationMs = args.durationMs('duration');
    const name = args.text('name');
    await using screen = await openScreen(args, shell);
    const { client } = screen;
    const ids: string[] = [];
    for (const resource of args.positionals) ids.push((await attach(screen, resource, shell)).instrument.id);
    await firstData(screen, ids, shell);
    await tellOthers(screen, ids, shell);
    const failed = failure(screen);
    tellWaits(screen, shell);
    const started = await client.call(
      'recording.start',
      { folder, ...(name ? { name } : {}), ...choicesOf(args) },
      { signal },
    );
    say(`Recording ${started.path}`);
    const passed = await Promise.race([pause(durationMs, signal), failed]);
    const result = await client.call('recording.stop', {});
    if (args.flag('json')) await out.json(result);
    else {
      for (const path of result.paths) await out.line(path);
      say(`${result.samples} samples, ${result.lost} lost`);
    }
    return passed || durationMs === undefined ? EXIT.done : EXIT.interrupted;
  },
};

function choicesOf(args: Arguments): Omit<CallInput<'recording.start'>, 'folder' | 'name'> {
  const notes = args.text('notes');
  const operator = args.text('operator');
  const tags = args.texts('tag');
  const beforeMs = args.durationMs('before');
  const compression = chunkCompression.optional().safeParse(args.text('compression'));
  if (!compression.success) throw new LabError('call.invalid', '--compression is none, lz4 or zstd.');
  return {
    ...(notes ? { notes } : {}),
    ...(operator ? { operator } : {}),
    ...(tags.length > 0 ? { tags } : {}),
    ...(beforeMs === undefined ? {} : { preTriggerS: beforeMs / 1000 }),
    options: {
      ...(compression.data ? { compression: compression.data } : {}),
      ...(args.flag('plain') ? { plainMessages: true } : {}),
    },
  };
}

/** Waits until every instrument has opened a stream, so that the file begins with all of them. */
async function firstData({ client }: Screen, ids: readonly string[], { signal, say }: Shell): Promise<void> {
  const { streams } = await client.call('bench.read', {}, { signal });
  const missing = new Set(ids.filter((id) => !streams.some((stream) => stream.instrument === id)));
  if (missing.size === 0) return;
  const done = new AbortController();
  const stop = client.on('stream.opened', ({ stream }) => {
    if (missing.delete(stream.instrument) && missing.size === 0) done.abort();
  });
  await pause(FIRST_DATA_MS, AbortSignal.any([done.signal, signal]));
  stop();
  for (const id of missing) say(`${id} has sent no data yet; it is recorded from its first on.`);
}

/** A running engine records all that is attached to it. */
async function tellOthers({ client }: Screen, ids: readonly string[], { signal, say }: Shell): Promise<void> {
  const { instruments } = await client.call('bench.read', {}, { signal });
  const others = instruments.filter(({ id }) => !ids.includes(id)).map(({ label }) => label);
  if (others.length > 0) say(`Labwire is running and records what is attached there too: ${others.join(', ')}.`);
}

/** A disk that takes nothing, and that it takes again: nobody looks at a screen. */
function tellWaits({ client }: Screen, { say }: Shell): void {
  let isWaiting = false;
  client.on('recording.changed', ({ recording: { state, path, error } }) => {
    if (state === 'waiting' && !isWaiting) say(error?.message ?? 'The disk takes nothing; what is measured is held.');
    if (state === 'recording' && isWaiting) say(`It goes on in ${path}`);
    isWaiting = state === 'waiting';
  });
}

/** Rejects when the recording ends by itself, with the reason, or when the engine goes. */
function failure({ client }: Screen): Promise<never> {
  const failed = new Promise<never>((_, reject) => {
    client.on('recording.changed', ({ recording }) => {
      if (recording.state === 'failed' && recording.error) reject(LabError.fromRecord(recording.error));
    });
    void client.closed.then(reject);
  });
  failed.catch(() => {});
  return failed;
}
