import { resolve } from 'node:path';
import { LabError } from '../../core/errors.ts';
import { attach } from '../attachment.ts';
import type { Command, Shell } from '../command.ts';
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
    const started = await client.call('recording.start', { folder, ...(name ? { name } : {}) }, { signal });
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
