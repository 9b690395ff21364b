import { resolve } from 'node:path';
import type { CallInput, CallOutput } from '../../contract/calls.ts';
import type { MessageSession, RecordingFormat } from '../../contract/recording-schema.ts';
import { chunkCompression, recordingFormat } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { attach } from '../attachment.ts';
import type { Arguments, Command, Shell } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { messageChoicesOf } from '../message-choices.ts';
import { MessageSessions } from '../message-sessions.ts';
import type { Screen } from '../screen.ts';
import { openScreen } from '../screen.ts';
import { pause } from '../stop.ts';

/** A stream opens with its first data; recording begins when all instruments have one, or after that. */
const FIRST_DATA_MS = 5_000;

/** Options that only one kind of format has. */
const OF_SAMPLES = ['compression', 'plain', 'before'];
const OF_MESSAGES = ['gzip', 'no-times', 'no-head', 'rotate'];

/** Attaches, records, detaches. */
export const record: Command = {
  name: 'record',
  usage: 'RESOURCE… --out DIR [--format FORMAT]… [--duration 10s] [--name NAME]',
  summary: 'Records instruments into a folder, for a time or until stopped.',
  options: {
    out: { type: 'string', value: 'DIR', about: 'folder of the recording' },
    format: {
      type: 'string',
      value: 'FORMAT',
      about: `${recordingFormat.options.join(', ')} (may be repeated: all at once); default labwire`,
      multiple: true,
    },
    duration: { type: 'string', value: 'TIME', about: 'how long: 500ms, 10s, 1.5m, 2h; default until stopped' },
    name: { type: 'string', value: 'NAME', about: 'name of the recording' },
    notes: { type: 'string', value: 'TEXT', about: 'kept with it' },
    operator: { type: 'string', value: 'NAME', about: 'who measures' },
    tag: { type: 'string', value: 'TAG', about: 'a tag (may be repeated)', multiple: true },
    compression: { type: 'string', value: 'HOW', about: 'labwire format: none, lz4 or zstd' },
    plain: { type: 'boolean', about: 'labwire format: every row also as a plain JSON message, for other viewers' },
    gzip: { type: 'boolean', about: 'lablink formats: packed' },
    'no-times': { type: 'boolean', about: 'lablink formats: without the time of each message' },
    'no-head': { type: 'boolean', about: 'lablink formats: without the first message, which says what it is' },
    rotate: { type: 'string', value: 'SIZE', about: 'lablink formats: a new file after so much, such as 100MB' },
    before: {
      type: 'string',
      value: 'TIME',
      about: 'labwire format: seconds before the start, from the flight recorder of a running Labwire',
    },
  },
  positionals: [1, 100],
  async run(args, shell) {
    const { signal, say } = shell;
    const folder = resolve(args.need('out'));
    const durationMs = args.durationMs('duration');
    const name = args.text('name');
    const formats = formatsOf(args);
    const choices = choicesOf(args);
    const wish = { folder, ...aboutSessions(args), options: messageChoicesOf(args) };
    await using screen = await openScreen(args, shell);
    const { client } = screen;
    const ids: string[] = [];
    for (const resource of args.positionals) ids.push((await attach(screen, resource, shell)).instrument.id);
    await firstData(screen, ids, shell);
    await tellOthers(screen, ids, shell);
    const failed = failure(screen);
    tellWaits(screen, shell);
    if (args.text('before') !== undefined) tellNoPast(screen, shell);
    let isRecording = false;
    // What goes on when the rest failed; else nothing is left to stop.
    screen.scope.defer(async () => {
      if (isRecording) await client.call('recording.stop', {}).catch(() => undefined);
    });
    const sessions = screen.scope.use(new MessageSessions(client));
    const broken = sessions.failure();
    if (formats.isNative) {
      const { path } = await client.call(
        'recording.start',
        { folder, ...(name ? { name } : {}), ...choices },
        { signal },
      );
      isRecording = true;
      say(`Recording ${path}`);
    }
    for (const { path } of await sessions.start({ ...wish, formats: formats.messages }, signal))
      say(`Recording ${path}`);
    const passed = await Promise.race([pause(durationMs, signal), failed, broken]);
    const [result, written] = await Promise.all([
      isRecording ? client.call('recording.stop', {}) : undefined,
      sessions.stop(),
    ]);
    isRecording = false;
    if (result) await tellRecording(result, args, shell);
    for (const session of written) await tellSession(session, args, shell);
    return passed || durationMs === undefined ? EXIT.done : EXIT.interrupted;
  },
};

async function tellRecording(
  result: CallOutput<'recording.stop'>,
  args: Arguments,
  { out, say }: Shell,
): Promise<void> {
  if (args.flag('json')) {
    await out.json(result);
    return;
  }
  for (const path of result.paths) await out.line(path);
  say(`${result.samples} samples, ${result.lost} lost`);
}

/** Throws what it ended by itself with. */
async function tellSession(session: MessageSession, args: Arguments, { out, say }: Shell): Promise<void> {
  const { session: name, format, paths, message_count: messages, bytes_written: bytes, error } = session;
  if (args.flag('json')) await out.json({ session: name, format, paths, messages, bytes });
  else {
    for (const path of paths) await out.line(path);
    say(`${messages} messages`);
  }
  if (error) throw LabError.fromRecord(error);
}

/** Which formats were asked for. Throws call.invalid: one that is none, or an option of a format that was not asked for. */
function formatsOf(args: Arguments): { isNative: boolean; messages: Exclude<RecordingFormat, 'labwire'>[] } {
  const asked = args.texts('format');
  const formats = recordingFormat.array().safeParse(asked.length === 0 ? ['labwire'] : [...new Set(asked)]);
  if (!formats.success) {
    throw new LabError('call.invalid', `--format is one of ${recordingFormat.options.join(', ')}.`);
  }
  const isNative = formats.data.includes('labwire');
  const messages = formats.data.filter((format) => format !== 'labwire');
  const wrong = [...(isNative ? [] : OF_SAMPLES), ...(messages.length > 0 ? [] : OF_MESSAGES)].find(
    (option) => args.flag(option) || args.text(option) !== undefined,
  );
  if (wrong === undefined) return { isNative, messages };
  const whose = isNative ? 'one of the lablink formats' : 'the labwire format';
  throw new LabError('call.invalid', `--${wrong} is for ${whose}, which was not asked for with --format.`);
}

/** Name of a session, and what is kept in the head of its files. */
function aboutSessions(args: Arguments): { name: string; about: Record<string, unknown> } {
  const notes = args.text('notes');
  const operator = args.text('operator');
  const tags = args.texts('tag');
  const about = {
    ...(operator ? { operator } : {}),
    ...(notes ? { notes } : {}),
    ...(tags.length > 0 ? { tags } : {}),
  };
  const started = new Date().toISOString().slice(0, 19).replaceAll(':', '.');
  return { name: (args.text('name') || `session ${started}`).slice(0, 180), about };
}

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

/** What the flight recorder does not have of the time before the start. */
function tellNoPast({ client }: Screen, { say }: Shell): void {
  client.on('event.happened', ({ event: { data, text } }) => {
    if (data?.code === 'flight.unavailable') say(text);
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
