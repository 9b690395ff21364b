import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  ABOUT,
  checkBatch,
  createTestClock,
  STREAMED,
  streamedBatch,
} from '../../../test/fixtures/recording-source.ts';
import { openRecorder } from './recorder.ts';
import { openRecording, type Recording } from './recording.ts';
import { verifyRecording } from './verify.ts';

const ROWS = 1000;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-members-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Records rows [from, to) thousand, a part each two thousand; gives the paths and the id. */
async function record(
  name: string,
  from: number,
  to: number,
  members: { recording: string; part: number }[] = [],
): Promise<{ id: string; paths: string[] }> {
  const limits = { chunkBytes: 1000, partBytes: 30_000, reserveBytes: 0 };
  const options = { folder, name, clock: createTestClock(), about: ABOUT, limits, labels: { members } };
  const recorder = await openRecorder(options);
  recorder.streamOpened(STREAMED);
  for (let index = from; index < to; index++) recorder.batch(streamedBatch(index * ROWS, ROWS));
  const { paths } = await recorder.stop('');
  return { id: recorder.id, paths };
}

/** Numbers of all rows, each checked; they must follow one another. */
async function readRows(recording: Recording): Promise<[number, number]> {
  let next: number | undefined;
  let first = -1;
  for await (const batch of recording.batches()) {
    checkBatch(batch);
    if (next === undefined) first = batch.seq;
    else expect(batch.seq).toBe(next);
    next = batch.seq + batch.rows;
  }
  return [first, next ?? -1];
}

it('parts of another recording that lie beside it are parts of it, in the order it names them', async () => {
  const other = await record('flight', 2, 9);
  expect(other.paths.length).toBeGreaterThanOrEqual(4);
  const members = [2, 3].map((part) => ({ recording: other.id, part }));
  const before = await record('saved', 0, 1, members);
  await using recording = await openRecording(before.paths[0]!);
  expect(recording.parts.map(({ path }) => basename(path))).toEqual([
    'saved.mcap',
    'flight-0002.mcap',
    'flight-0003.mcap',
  ]);
  expect(recording.parts.map(({ head }) => [head.id, head.name, head.part])).toEqual(
    [1, 2, 3].map((part) => [before.id, 'saved', part]),
  );
  expect(recording.info).toMatchObject({ id: before.id, name: 'saved', missing: '', complete: true });
  // One stream through all of them; between the head and the first member rows are missing, which the head would have to say.
  expect(recording.streams.map(({ info }) => info.key)).toEqual([STREAMED.key]);
  await using own = await openRecording(other.paths[0]!);
  expect(own.parts).toHaveLength(other.paths.length);
  expect(own.info.id).toBe(other.id);
});

it('rows go on from the head into its members', async () => {
  const other = await record('flight', 0, 6);
  const count = other.paths.length;
  expect(count).toBeGreaterThanOrEqual(3);
  const members = other.paths.slice(1).map((_, index) => ({ recording: other.id, part: index + 2 }));
  await using source = await openRecording(other.paths[0]!, { single: true });
  const end = (source.streams[0]?.endRow ?? 0) / ROWS;
  // The head has what the first part had, cut.
  const head = await record('saved', 1, end, members);
  await rm(other.paths[0]!);
  await using recording = await openRecording(head.paths[0]!);
  expect(await readRows(recording)).toEqual([ROWS, 6 * ROWS]);
  expect(await verifyRecording(recording)).toMatchObject({ ok: true, problems: [] });
});

it('a member that is not there is told, and what is there can be read', async () => {
  const other = await record('flight', 1, 6);
  const members = [1, 2].map((part) => ({ recording: other.id, part }));
  const head = await record('saved', 0, 1, members);
  await rm(other.paths[1]!);
  await using recording = await openRecording(head.paths[0]!);
  expect(recording.info.complete).toBe(false);
  expect(recording.info.missing).toContain(`Part 2 of ${other.id}`);
  expect(recording.parts).toHaveLength(2);
  expect((await readRows(recording))[0]).toBe(0);
});

it('a copy of a part is the same part', async () => {
  const { paths } = await record('night 3', 0, 6);
  expect(paths.length).toBeGreaterThanOrEqual(3);
  await copyFile(paths[1]!, join(folder, 'night 3-0002 2.mcap'));
  for (const path of paths) {
    await using recording = await openRecording(path);
    expect(recording.parts).toHaveLength(paths.length);
    expect(await readRows(recording)).toEqual([0, 6 * ROWS]);
  }
});
