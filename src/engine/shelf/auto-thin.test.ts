import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ABOUT, createTestClock, START_NS, STREAMED, streamedBatch } from '../../../test/fixtures/recording-source.ts';
import { ManualClock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import { Scope } from '../../core/scope.ts';
import { JobTable } from '../bench/job-table.ts';
import { openLibrary } from '../recording/library.ts';
import { RecordedShelf } from '../recording/recorded-shelf.ts';
import { openRecorder } from '../recording/recorder.ts';
import { openRecording } from '../recording/recording.ts';
import { emptyState } from '../state/empty-state.ts';
import { EventLog } from '../state/event-log.ts';
import { StateBoard } from '../state/state-board.ts';
import { AutoThin } from './auto-thin.ts';

const DAY_MS = 86_400_000;
const ROWS = 20_000;
let scope: Scope;
let folder: string;
let trashed: string[];

beforeEach(async () => {
  scope = new Scope('thinning by age');
  folder = await mkdtemp(join(tmpdir(), 'labwire-auto-thin-'));
  const bin = await mkdtemp(join(tmpdir(), 'labwire-auto-thin-bin-'));
  for (const place of [folder, bin]) scope.defer(() => rm(place, { recursive: true, force: true }));
  trashed = [];
  trash = async (paths) => {
    for (const path of paths) {
      await rename(path, join(bin, basename(path)));
      trashed.push(basename(path));
    }
  };
});
afterEach(() => scope[Symbol.asyncDispose]());

let trash: (paths: readonly string[]) => Promise<void>;

/** Two seconds of rows at the time the tests begin. Gives its id. */
async function record(name: string): Promise<string> {
  const clock = createTestClock();
  const limits = { chunkBytes: 20_000, reserveBytes: 0 };
  const recorder = await openRecorder({ folder, name, clock, about: ABOUT, limits });
  recorder.streamOpened(STREAMED);
  for (let row = 0; row < ROWS; row += 1000) {
    recorder.batch(streamedBatch(row, 1000));
    await clock.advance(100);
  }
  const { paths } = await recorder.stop('enough');
  await using recording = await openRecording(paths[0] ?? '');
  return recording.info.id;
}

interface Bench {
  clock: ManualClock;
  board: StateBoard;
  jobs: JobTable;
  texts(): string[];
  set(thinAfterDays: number): void;
}

async function open(): Promise<Bench> {
  const clock = new ManualClock(START_NS);
  const state = emptyState(folder);
  const board = new StateBoard({
    ...state,
    settings: { ...state.settings, recordingsFolder: folder, thinIntervalS: 0.5 },
  });
  const events = new EventLog(clock, board);
  const library = scope.use(await openLibrary({ folder: () => folder, clock }));
  const recorded = scope.use(new RecordedShelf(library));
  const jobs = scope.use(new JobTable(clock, board));
  const texts: string[] = [];
  scope.use(events.onEvent(({ text }) => texts.push(text)));
  scope.use(new AutoThin({ clock, board, events, jobs, library, recorded, trash: (paths) => trash(paths) }));
  const set = (thinAfterDays: number): void =>
    board.publish('settings.changed', { settings: { ...board.state.settings, thinAfterDays } });
  return { clock, board, jobs, texts: () => texts, set };
}

/** Real files take real time: the clock moves on until a look is over, and that is when the next one is on the clock. */
async function look(clock: ManualClock, ms: number): Promise<void> {
  await clock.advance(ms);
  await expect.poll(() => clock.pending, { timeout: 20_000 }).toBeGreaterThan(0);
}

async function rowsOf(name: string): Promise<{ rows: number; thinned: string }> {
  await using recording = await openRecording(join(folder, `${name}.mcap`));
  return { rows: recording.streams[0]?.rows ?? 0, thinned: recording.info.thinned };
}

test('recordings of that age are thinned one after the other, the oldest is said first; younger ones are not', async () => {
  await record('first');
  await record('second');
  const { clock, board, texts, set } = await open();
  set(2);
  await look(clock, 60_000);
  expect(texts(), 'a minute old').toEqual([]);
  await look(clock, 2 * DAY_MS - 3_600_000);
  expect(texts(), 'an hour before').toEqual([]);
  await look(clock, 3_600_000);
  expect(texts()).toHaveLength(2);
  for (const [index, name] of ['first', 'second'].entries()) {
    expect([...texts()].sort()[index]).toMatch(
      new RegExp(
        `^“${name}” is older than 2 days and was thinned to mean, min and max of each 0.5 s. .* MB became .* MB`,
      ),
    );
    const { rows, thinned } = await rowsOf(name);
    expect(rows).toBeLessThan(ROWS / 100);
    expect(thinned).toContain(`${ROWS} rows were there`);
  }
  expect(trashed.sort()).toEqual(['first whole.mcap', 'second whole.mcap']);
  expect(board.state.jobs.map(({ kind, state }) => [kind, state])).toEqual([
    ['thin', 'done'],
    ['thin', 'done'],
  ]);
  await look(clock, 3_600_000);
  expect(texts(), 'never twice').toHaveLength(2);
});

test('with 0 days nothing is ever thinned', async () => {
  await record('first');
  const { clock, texts, board } = await open();
  await look(clock, 60_000);
  for (let year = 0; year < 5; year++) await look(clock, 365 * DAY_MS);
  expect([texts(), board.state.jobs, trashed]).toEqual([[], [], []]);
  expect(await rowsOf('first')).toEqual({ rows: ROWS, thinned: '' });
});

test('what is replayed, recorded, uploaded, or may be read by a job waits for a later look', async () => {
  const id = await record('first');
  const { clock, board, jobs, texts, set } = await open();
  set(1);
  const replay = {
    id: 'replay-1',
    recording: id,
    name: '',
    state: 'paused',
    fromNs: '0',
    toNs: '0',
    positionNs: '0',
    speed: 1,
    speedGot: 0,
    isCompared: false,
    run: 0,
    streams: [],
    rules: [],
    alarms: [],
    happened: [],
    text: '',
  } as const;
  board.publish('replay.changed', { replay: { ...replay, streams: [], rules: [], alarms: [], happened: [] } });
  await look(clock, 2 * DAY_MS);
  expect(texts(), 'replayed').toEqual([]);
  board.publish('replay.closed', { replay: 'replay-1' });
  board.publish('recording.changed', { recording: { ...board.state.recording, recording: id, state: 'recording' } });
  await look(clock, 3_600_000);
  expect(texts(), 'recorded').toEqual([]);
  board.publish('recording.changed', { recording: { ...board.state.recording, recording: null, state: 'idle' } });
  const work = createDeferred<void>();
  jobs.start({ kind: 'export', label: 'first as CSV', path: null, run: () => work.promise });
  await look(clock, 3_600_000);
  expect(texts(), 'exported').toEqual([]);
  work.resolve();
  await look(clock, 3_600_000);
  expect(texts()).toHaveLength(1);
  expect(trashed).toEqual(['first whole.mcap']);
});

test('what comes into use while it is thinned stays whole, and is tried again', async () => {
  await record('first');
  const { clock, board, jobs, texts, set } = await open();
  set(1);
  const work = createDeferred<void>();
  const following = board.onChange(({ event, data }) => {
    if (event !== 'job.changed' || data.job.kind !== 'thin') return;
    following[Symbol.dispose]();
    // Someone exports as soon as the thinning has begun.
    queueMicrotask(() => jobs.start({ kind: 'export', label: 'first as CSV', path: null, run: () => work.promise }));
  });
  await look(clock, 2 * DAY_MS);
  expect(texts()).toEqual([]);
  expect(trashed).toEqual([]);
  expect(await rowsOf('first')).toEqual({ rows: ROWS, thinned: '' });
  const names = (await readdir(folder)).filter((name) => !name.endsWith('.pyramid'));
  expect(names, 'nothing unfinished is left').toEqual(['first.mcap']);
  work.resolve();
  await look(clock, 3_600_000);
  expect(texts()).toHaveLength(1);
  expect((await rowsOf('first')).rows).toBeLessThan(ROWS);
});

test('one that cannot be put into the trash stays whole, is said once, and keeps none of the others waiting', async () => {
  await record('first');
  await record('second');
  const real = trash;
  trash = async (paths) => {
    if (paths.some((path) => basename(path).startsWith('first')))
      throw new LabError('recording.denied', 'no trash here');
    await real(paths);
  };
  const { clock, texts, set } = await open();
  set(1);
  await look(clock, 2 * DAY_MS);
  await look(clock, 3_600_000);
  expect(texts()).toHaveLength(2);
  expect(texts().find((text) => text.includes('first'))).toContain('was not thinned: no trash here');
  expect(await rowsOf('first')).toEqual({ rows: ROWS, thinned: '' });
  expect(trashed).toEqual(['second whole.mcap']);
});
