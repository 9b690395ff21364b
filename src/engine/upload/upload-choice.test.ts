import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type MemoryDav, openMemoryDav } from '../../../test/fixtures/memory-dav.ts';
import { ABOUT, createTestClock, STREAMED, streamedBatch } from '../../../test/fixtures/recording-source.ts';
import { type Library, openLibrary } from '../recording/library.ts';
import { openRecorder } from '../recording/recorder.ts';
import type { Recorder } from '../recording/recorder-options.ts';
import { emptyState } from '../state/empty-state.ts';
import { EventLog } from '../state/event-log.ts';
import { StateBoard } from '../state/state-board.ts';
import { createSystemClock } from '../system-clock.ts';
import { UploadChoice } from './upload-choice.ts';
import { UploadDesk } from './upload-desk.ts';

const RETRY = { firstMs: 20, mostMs: 100, probeMs: 50 };
const WAIT = { timeout: 20_000 };

let folder: string;
let data: string;
let server: MemoryDav;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-choice-'));
  data = await mkdtemp(join(tmpdir(), 'labwire-choice-data-'));
  server = await openMemoryDav();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
  await rm(data, { recursive: true, force: true });
});

async function start(name: string): Promise<Recorder> {
  const limits = { chunkBytes: 20_000, reserveBytes: 0 };
  const recorder = await openRecorder({ folder, name, clock: createTestClock(), about: ABOUT, limits });
  recorder.streamOpened(STREAMED);
  recorder.batch(streamedBatch(0, 1000));
  return recorder;
}

async function record(name: string): Promise<void> {
  await (await start(name)).stop('enough');
}

interface Rooms extends AsyncDisposable {
  desk: UploadDesk;
  choice: UploadChoice;
  library: Library;
  uploaded(): Promise<Record<string, boolean>>;
}

async function openRooms(): Promise<Rooms> {
  const clock = createSystemClock();
  const board = new StateBoard(emptyState(data));
  const library = await openLibrary({ folder: () => folder, clock, cachePath: join(data, 'library.json') });
  const desk = new UploadDesk({
    clock,
    board,
    events: new EventLog(clock, board),
    path: join(data, 'uploads.json'),
    row: (id) => library.row(id),
    uploaded: (id, where) => library.mark(id, { uploaded: where }),
    retry: RETRY,
  });
  await desk.open();
  const choice = new UploadChoice({ clock, board, library, uploads: desk, settleMs: 0 });
  choice.look();
  return {
    desk,
    choice,
    library,
    uploaded: async () =>
      Object.fromEntries((await library.list()).map(({ name, uploaded }) => [name, uploaded !== null])),
    async [Symbol.asyncDispose]() {
      await choice[Symbol.asyncDispose]();
      await desk[Symbol.asyncDispose]();
      await library[Symbol.asyncDispose]();
    },
  };
}

const target = (when: 'manual' | 'offline' | 'all') => ({ url: server.url, user: '', when });
const held = (): string[] => [...server.files.keys()].sort();
const goAway = (): void => {
  server.fault = (_, __, early) => (early ? 'break' : 503);
};
const comeBack = (): void => {
  server.fault = () => undefined;
};

test('all: recordings of earlier, sessions and what cannot be read are there too, and said to be; once', async () => {
  await record('past');
  await writeFile(join(folder, 'stream_exp_20251113_143022.jsonl'), '{}\n');
  await writeFile(join(folder, 'broken.mcap'), 'no recording');
  await using rooms = await openRooms();
  await rooms.desk.setTarget(target('all'), undefined);
  const all = { past: true, exp: true, 'broken.mcap': true };
  await expect.poll(rooms.uploaded, WAIT).toEqual(all);
  expect(held()).toEqual(['broken.mcap', 'past.mcap', 'stream_exp_20251113_143022.jsonl']);
  // What comes without a word of the recorder: an import, a repair, the last minutes.
  await record('made later');
  rooms.choice.look();
  await expect.poll(rooms.uploaded, WAIT).toEqual({ ...all, 'made later': true });
  const sent = server.asked.filter((asked) => asked.startsWith('PUT')).length;
  expect(sent).toBe(4);
  rooms.choice.look();
  await rooms.choice[Symbol.asyncDispose]();
  expect(server.asked.filter((asked) => asked.startsWith('PUT'))).toHaveLength(sent);
});

test('all: of one that runs only finished parts are sent, and it is called uploaded when it has ended and is whole there', async () => {
  const recorder = await start('cut');
  await expect.poll(() => recorder.stats.bytes, WAIT).toBeGreaterThan(0);
  await using rooms = await openRooms();
  await rooms.desk.setTarget(target('all'), undefined);
  rooms.choice.look();
  await expect.poll(async () => (await rooms.library.list()).map(({ state }) => state)).toEqual(['recording']);
  expect(rooms.desk.state.uploads).toEqual([]);
  await recorder.stop('enough');
  rooms.choice.look();
  await expect.poll(rooms.uploaded, WAIT).toEqual({ cut: true });
  expect(held()).toEqual(['cut.mcap']);
});

test('offline: only what ran or was made while the server was away; it follows when the server is back, also in the next engine', async () => {
  await record('past');
  {
    await using rooms = await openRooms();
    await rooms.desk.setTarget(target('offline'), undefined);
    await expect.poll(() => rooms.desk.state.link, WAIT).toBe('reachable');
    const online = await start('online');
    rooms.choice.look();
    await expect.poll(async () => (await rooms.library.list()).length).toBe(2);
    await online.stop('enough');
    const running = await start('across the outage');
    goAway();
    rooms.desk.ask();
    await expect.poll(() => rooms.desk.isOffline, WAIT).toBe(true);
    await expect
      .poll(async () => JSON.parse(await readFile(join(data, 'uploads.json'), 'utf8')).wanted, WAIT)
      .toEqual([running.id]);
    comeBack();
    rooms.desk.ask();
    await expect.poll(() => rooms.desk.state.link, WAIT).toBe('reachable');
    await running.stop('enough');
    rooms.choice.look();
    await expect.poll(rooms.uploaded, WAIT).toEqual({ past: false, online: false, 'across the outage': true });
    goAway();
    rooms.desk.ask();
    await expect.poll(() => rooms.desk.isOffline, WAIT).toBe(true);
    await record('made offline');
    rooms.choice.look();
    await expect
      .poll(() => rooms.desk.state.uploads.map(({ path }) => basename(path)), WAIT)
      .toContain('made offline.mcap');
  }
  comeBack();
  await using rooms = await openRooms();
  await expect
    .poll(rooms.uploaded, WAIT)
    .toEqual({ past: false, online: false, 'across the outage': true, 'made offline': true });
  expect(held()).toEqual(['across the outage.mcap', 'made offline.mcap']);
});

test('manual: nothing goes by itself', async () => {
  await record('past');
  await using rooms = await openRooms();
  await rooms.desk.setTarget(target('manual'), undefined);
  await expect.poll(() => rooms.desk.state.link, WAIT).toBe('reachable');
  rooms.choice.look();
  await rooms.choice[Symbol.asyncDispose]();
  expect(rooms.desk.state.uploads).toEqual([]);
});
