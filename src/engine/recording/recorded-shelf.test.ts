import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ABOUT, createTestClock, START_NS, STREAMED, streamedBatch } from '../../../test/fixtures/recording-source.ts';
import type { HistoryAnswer } from '../history/history-pieces.ts';
import { systemDisk } from './disk.ts';
import { type Library, openLibrary } from './library.ts';
import { pyramidPath } from './pyramid-layout.ts';
import { RecordedShelf } from './recorded-shelf.ts';
import { openRecorder } from './recorder.ts';

let folder: string;
let library: Library;
let id: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-shelf-'));
  const clock = createTestClock();
  const limits = { chunkBytes: 20_000, reserveBytes: 0 };
  const recorder = await openRecorder({ folder, name: 'run', clock, about: ABOUT, limits });
  recorder.streamOpened(STREAMED);
  for (let index = 0; index < 100; index++) recorder.batch(streamedBatch(index * 1000, 1000));
  path = (await recorder.stop('')).paths[0]!;
  id = recorder.id;
  library = await openLibrary({ folder: () => folder, clock });
});
afterAll(async () => {
  await library[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function look(shelf: RecordedShelf): Promise<{ answer: HistoryAnswer; bytes: number[] }> {
  const range = { fromNs: START_NS, toNs: START_NS + 10_000_000_000n, width: 50, raw: false, limit: 10_000 };
  const bytes: number[] = [];
  const take = (frame: ArrayBuffer): void => {
    bytes.push(...new Uint8Array(frame));
  };
  const request = { request: 1, channels: ['daq/ai0', 'daq/ai3'], ...range };
  const answer = await shelf.read(id, request, take, new AbortController().signal);
  return { answer, bytes };
}

it('a recording that is looked into gets the sidecar it lacks, and is read by it from then on', async () => {
  await rm(pyramidPath(path));
  const opened: string[] = [];
  const disk = {
    ...systemDisk,
    open: (...call: Parameters<typeof systemDisk.open>) => {
      opened.push(call[0]);
      return systemDisk.open(...call);
    },
  };
  const watched = await openLibrary({ folder: () => folder, clock: createTestClock(), disk });
  await using shelf = new RecordedShelf(watched);
  const before = await look(shelf);
  await shelf.idle();
  expect((await stat(pyramidPath(path))).size).toBeGreaterThan(1000);
  expect(opened).not.toContain(pyramidPath(path));
  expect(await look(shelf)).toEqual(before);
  expect(opened).toContain(pyramidPath(path));
  const count = opened.length;
  expect(await look(shelf)).toEqual(before);
  expect(opened).toHaveLength(count);
  await watched[Symbol.asyncDispose]();
});

it('one that is released is closed when nobody reads it any more', async () => {
  await using shelf = new RecordedShelf(library);
  const before = await look(shelf);
  const reads = [look(shelf), look(shelf)];
  await shelf.release(id);
  expect(await Promise.all(reads)).toEqual([before, before]);
  expect(await look(shelf)).toEqual(before);
});
