import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import type { MessageSession } from '../../contract/recording-schema.ts';
import { openScopes } from '../../core/scope.ts';
import { openRecording } from '../recording/recording.ts';

/** Sessions of messages through the contract, on a real engine with a simulated supply and digitizer. */
type Message = Record<string, unknown> & { data?: Record<string, number> & { channels?: Record<string, number[]> } };

let lab: Lab;
let screen: LabScreen;
let supply: string;
let daq: string;
const call: LabScreen['client']['call'] = (name, input, options) => screen.client.call(name, input, options);

beforeAll(async () => {
  lab = await openLab();
  screen = await lab.screen();
  for (const text of ['RATE 1000', 'SIGN RAMP']) await call('resource.query', { resource: lab.resource('daq'), text });
  supply = await screen.attach(lab.resource('supply'));
  daq = await screen.attach(lab.resource('daq'));
});
afterEach(async () => {
  const { sessions } = await call('session.list', {});
  for (const { session } of sessions) await call('session.stop', { session });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

/** Resolves when a session has so many messages; looks at what the engine tells of it. */
function untilMessages(session: string, count: number): Promise<void> {
  return new Promise((resolve) => {
    const stop = screen.client.on('session.changed', ({ sessions }) => {
      const found = sessions.find((one) => one.session === session);
      if (!found || found.message_count < count) return;
      stop();
      resolve();
    });
  });
}

async function messagesIn({ paths }: MessageSession): Promise<Message[]> {
  const files = await Promise.all(paths.map((path) => readFile(path)));
  const texts = files.map((bytes, at) => (paths[at]?.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'));
  return texts.flatMap((text) =>
    text
      .trimEnd()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Message),
  );
}

/** Row numbers of the digitizer in a session: each batch follows the one before. */
function rowsOf(messages: readonly Message[]): [number, number] {
  const batches = messages.filter(
    ({ stream_type, equipment_id }) => stream_type === 'acquisition' && equipment_id === daq,
  );
  let next: number | undefined;
  for (const { data } of batches) {
    const { first_sample: first = Number.NaN, lost } = data ?? {};
    if (next !== undefined && (first !== next || lost !== 0)) throw new Error(`row ${first} follows ${next - 1}`);
    next = first + (Object.values(data?.channels ?? {})[0]?.length ?? 0);
  }
  return [batches[0]?.data?.first_sample ?? Number.NaN, next ?? Number.NaN];
}

describe('sessions', () => {
  test('several at once, each in its format, beside a recording that misses nothing', async () => {
    const recording = await call('recording.start', { name: 'beside' });
    const formats = ['lablink-jsonl', 'lablink-json', 'lablink-csv', 'lablink-binary'] as const;
    for (const format of formats) {
      const started = await call('session.start', {
        session: format,
        options: { format, gzip: true },
        about: { operator: 'Ada' },
      });
      expect(started).toMatchObject({ session: format, format, error: null });
      expect(basename(started.path)).toMatch(
        new RegExp(`^stream_${format}_\\d{8}_\\d{6}\\.(jsonl|json|csv|bin)\\.gz$`),
      );
    }
    expect((await call('session.list', {})).sessions.map(({ session }) => session)).toEqual([...formats]);
    await untilMessages('lablink-jsonl', 40);
    const stats = await call('session.stats', { session: 'lablink-jsonl' });
    expect(stats.message_count).toBeGreaterThanOrEqual(40);
    expect(stats.messages_per_second).toBeCloseTo(stats.message_count / stats.duration_seconds, 6);
    const stopped: MessageSession[] = [];
    for (const session of formats) stopped.push(await call('session.stop', { session }));
    const kept = await call('recording.stop', {});
    expect((await call('session.list', {})).sessions).toEqual([]);

    const [lines, array, table, binary] = stopped;
    if (!lines || !array || !table || !binary) throw new Error('not all have stopped');
    const messages = await messagesIn(lines);
    expect(messages).toHaveLength(lines.message_count + 1);
    expect(messages[0]).toMatchObject({
      type: 'metadata',
      session_id: 'lablink-jsonl',
      part: 1,
      metadata: { operator: 'Ada', bench: 'Bench 1' },
    });
    expect(
      messages.some(({ stream_type, equipment_id }) => stream_type === 'readings' && equipment_id === supply),
    ).toBe(true);
    const [firstRow, endRow] = rowsOf(messages);
    expect(endRow - firstRow).toBeGreaterThan(500);
    const inArray = JSON.parse(gunzipSync(await readFile(array.path)).toString()) as Message[];
    expect(inArray).toHaveLength(array.message_count + 1);
    rowsOf(inArray);
    expect(
      gunzipSync(await readFile(table.path))
        .toString()
        .split('\r\n'),
    ).toHaveLength(1 + 1 + table.message_count + 1);
    const packed = gunzipSync(await readFile(binary.path));
    let count = 0;
    for (let at = 0; at < packed.length; at += 4 + packed.readUInt32BE(at)) count++;
    expect(count).toBe(binary.message_count + 1);

    await using opened = await openRecording(kept.paths[0] ?? '');
    expect(opened.info).toMatchObject({ complete: true, lost: 0 });
    const stream = opened.streams.find(({ info }) => info.instrument === daq);
    expect(stream?.rows).toBeGreaterThanOrEqual(endRow - firstRow);
    expect(recording.state).toBe('recording');
  });

  test.each([
    '../../outside',
    '/etc/passwd',
    'C:\\Windows\\system',
    '..',
    'CON',
    'a/../../b',
    '\u202ereversed',
    'x'.repeat(150),
  ])('a session called %j lies in the recordings folder and is known by its name', async (session) => {
    const { recordingsFolder } = screen.state.settings;
    const { path } = await call('session.start', { session });
    expect(dirname(path)).toBe(recordingsFolder);
    expect((await call('session.stats', { session })).session).toBe(session);
    const stopped = await call('session.stop', { session });
    expect(stopped.paths).toEqual([path]);
    expect(await readdir(recordingsFolder)).toContain(basename(path));
  });

  test('a name that runs already is refused and the one that runs goes on; so are unknown ones', async () => {
    const { path } = await call('session.start', { session: 'one' });
    await expect(call('session.start', { session: 'one' })).rejects.toMatchObject({ code: 'recording.session-known' });
    const at = (await call('session.stats', { session: 'one' })).message_count;
    await untilMessages('one', at + 10);
    expect((await call('session.stop', { session: 'one' })).path).toBe(path);
    await expect(call('session.stop', { session: 'one' })).rejects.toMatchObject({ code: 'recording.session-unknown' });
    await expect(call('session.stats', { session: 'never' })).rejects.toMatchObject({
      code: 'recording.session-unknown',
    });
    // Stopped: the name is free again, and the file of before stays.
    const again = await call('session.start', { session: 'one' });
    expect(again.path).not.toBe(path);
  });

  test('is listed as being recorded, then as complete; nothing here reads or edits it; it can be thrown away', async () => {
    const trash = await mkdtemp(join(tmpdir(), 'labwire-trash-'));
    vi.stubEnv('XDG_DATA_HOME', trash);
    try {
      const { path } = await call('session.start', { session: 'listed' });
      const row = async () => (await call('recording.list', { search: 'listed' })).recordings[0];
      const running = await row();
      expect(running).toMatchObject({ name: 'listed', state: 'recording', format: 'lablink-jsonl', paths: [path] });
      const id = running?.id ?? '';
      await expect(call('recording.trash', { recording: id })).rejects.toMatchObject({ code: 'recording.fixed' });
      await expect(call('upload.add', { recording: id })).rejects.toMatchObject({ code: 'recording.fixed' });
      await call('session.stop', { session: 'listed' });
      expect(await row()).toMatchObject({ id, state: 'complete' });
      const foreign = { code: 'recording.foreign', message: expect.stringContaining(path) };
      await expect(call('recording.info', { recording: id })).rejects.toMatchObject(foreign);
      await expect(call('recording.verify', { recording: id })).rejects.toMatchObject(foreign);
      await expect(call('recording.edit', { recording: id, name: 'other' })).rejects.toMatchObject(foreign);
      await expect(call('recording.export', { recording: id, format: 'csv' })).rejects.toMatchObject(foreign);
      await call('recording.trash', { recording: id });
      expect(await row()).toBeUndefined();
      expect(await readdir(join(trash, 'Trash', 'files'))).toEqual([basename(path)]);
    } finally {
      vi.unstubAllEnvs();
      await rm(trash, { recursive: true, force: true });
    }
  });

  test('two starts of one name at once: one of them gets it', async () => {
    const answers = await Promise.allSettled([1, 2].map(() => call('session.start', { session: 'race' })));
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await call('session.list', {})).sessions).toHaveLength(1);
  });

  test('no more than sixteen at once; the samples format is no session', async () => {
    for (let count = 0; count < 16; count++) await call('session.start', { session: `s${count}` });
    await expect(call('session.start', { session: 'more' })).rejects.toMatchObject({ code: 'call.limit' });
    await call('session.stop', { session: 's3' });
    await call('session.start', { session: 'more' });
    await call('session.stop', { session: 'more' });
    await expect(call('session.start', { session: 'x', options: { format: 'labwire' } })).rejects.toMatchObject({
      code: 'call.invalid',
    });
    await expect(call('session.start', { session: '' })).rejects.toMatchObject({ code: 'call.invalid' });
    const nowhere = call('session.start', { session: 'x', folder: 'relative' });
    await expect(nowhere).rejects.toMatchObject({ code: 'call.invalid' });
  });

  test('they outlive the screen that started them, and end whole with the engine', async () => {
    const other = await lab.screen('other');
    const { path } = await other.client.call('session.start', {
      session: 'outlives',
      options: { format: 'lablink-json' },
    });
    other[Symbol.dispose]();
    const at = (await call('session.stats', { session: 'outlives' })).message_count;
    await untilMessages('outlives', at + 10);
    await lab.restart();
    screen = await lab.screen();
    const messages = JSON.parse(await readFile(path, 'utf8')) as Message[];
    expect(messages.length).toBeGreaterThan(at + 10);
    expect((await call('session.list', {})).sessions).toEqual([]);
  });
});

describe('a disk that fails', () => {
  let folder: string;
  beforeEach(() => {
    folder = screen.state.settings.recordingsFolder;
  });
  afterEach(async () => {
    await call('settings.set', { recordingsFolder: folder });
  });

  test('a folder that cannot be made refuses the session and says why', async () => {
    const file = join(lab.folder, 'a file');
    await writeFile(file, '');
    await call('settings.set', { recordingsFolder: join(file, 'below') });
    await expect(call('session.start', { session: 'nowhere' })).rejects.toMatchObject({
      code: expect.stringMatching(/^recording\./),
    });
    expect((await call('session.list', {})).sessions).toEqual([]);
    await rm(file);
  });
});
