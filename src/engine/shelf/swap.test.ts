import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  ABOUT,
  createTestClock,
  POLLED,
  polledBatch,
  STREAMED,
  streamedBatch,
  systemError,
} from '../../../test/fixtures/recording-source.ts';
import { type Disk, systemDisk } from '../recording/disk.ts';
import { writeLock } from '../recording/file-lock.ts';
import { openLibrary } from '../recording/library.ts';
import { openRecorder } from '../recording/recorder.ts';
import { openRecording } from '../recording/recording.ts';
import { verifyRecording } from '../recording/verify.ts';
import { recoverSwaps, SWAP_LOCK, SWAP_PREFIX, swapFiles } from './swap.ts';
import { thinRecording } from './thin.ts';
import { moveToTrash } from './trash.ts';

/** Recordings of one part and of several, and each of them thinned; made once. */
let made: string;
const SHAPES = [
  ['one part', 1 << 30],
  ['several parts', 30_000],
] as const;
type Shape = (typeof SHAPES)[number][0];

beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'labwire-swap-made-'));
  for (const [shape, partBytes] of SHAPES) {
    const folder = join(made, shape);
    const clock = createTestClock();
    const limits = { chunkBytes: 10_000, partBytes, reserveBytes: 0 };
    const recorder = await openRecorder({ folder: join(folder, 'old'), name: 'night', clock, about: ABOUT, limits });
    recorder.streamOpened(STREAMED);
    recorder.streamOpened(POLLED);
    for (let row = 0; row < 6000; row += 1000) {
      recorder.batch(streamedBatch(row, 1000));
      recorder.batch(polledBatch(row / 1000));
      await clock.advance(100);
    }
    await recorder.stop('enough');
    await cp(join(folder, 'old'), join(folder, 'new'), { recursive: true });
    await using recording = await openRecording(join(folder, 'new', 'night.mcap'));
    await thinRecording(recording, {
      intervalS: 0.1,
      nowNs: 0n,
      trash: async (paths) => {
        for (const path of paths) await rm(path);
      },
    });
  }
});
afterAll(() => rm(made, { recursive: true, force: true }));

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'labwire-swap-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** A folder with the whole recording, and the thinned one ready in a swap folder. */
async function lay(shape: Shape): Promise<{ folder: string; swap: string; old: string[]; thinned: string[] }> {
  const folder = await mkdtemp(join(root, 'recordings-'));
  const swap = join(folder, `${SWAP_PREFIX}1`);
  await cp(join(made, shape, 'old'), folder, { recursive: true });
  await cp(join(made, shape, 'new'), swap, { recursive: true });
  const filesOf = async (at: string): Promise<string[]> =>
    (await readdir(at))
      .filter((name) => name.endsWith('.mcap'))
      .sort()
      .map((name) => join(at, name));
  return { folder, swap, old: await filesOf(folder), thinned: await filesOf(swap) };
}

const CALLS = ['open', 'rename', 'remove', 'writeText', 'syncFolder'] as const;

/** The system's disk, and a trash, in which the call `at` fails; of a process that dies, all after it too. */
function failing(
  at: number,
  dies: boolean,
): { disk: Disk; trash(paths: readonly string[]): Promise<void>; calls(): number; bin: string } {
  let count = 0;
  const bin = join(root, `bin-${at}`);
  const step = async <T>(call: () => Promise<T>): Promise<T> => {
    count++;
    if (count === at || (dies && count > at)) throw systemError('EIO');
    return await call();
  };
  const disk: Disk = { ...systemDisk };
  for (const name of CALLS) {
    const call = systemDisk[name] as (...args: never[]) => Promise<unknown>;
    Object.assign(disk, { [name]: (...args: never[]) => step(() => call(...args)) });
  }
  if (dies)
    Object.assign(disk, {
      stat: (path: string) => (count >= at ? Promise.reject(systemError('EIO')) : systemDisk.stat(path)),
    });
  const trash = async (paths: readonly string[]): Promise<void> => {
    await mkdir(bin, { recursive: true });
    // One after the other, as the system does.
    const gone: string[] = [];
    for (const path of paths) {
      try {
        await step(() => rename(path, join(bin, basename(path))));
        gone.push(path);
      } catch (error) {
        if (!dies) for (const back of gone) await rename(join(bin, basename(back)), back);
        throw error;
      }
    }
  };
  return { disk, trash, calls: () => count, bin };
}

/** Everything in a folder, by name. */
async function contents(folder: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(folder)).filter((name) => !name.endsWith('.pyramid')).sort();
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)));
}

async function rowsOf(folder: string): Promise<{ name: string; state: string; thinned: boolean; ok: boolean }[]> {
  await using library = await openLibrary({ folder: () => folder, clock: createTestClock() });
  return await Promise.all(
    (await library.list()).map(async ({ id, name, state }) => {
      await using recording = await library.open(id);
      const { ok } = await verifyRecording(recording);
      return { name, state, thinned: recording.info.thinned !== '', ok };
    }),
  );
}

const WHOLE = { name: 'night', state: 'complete', thinned: false, ok: true };
const THINNED = { ...WHOLE, thinned: true };

describe.each(SHAPES.map(([shape]) => shape))('a recording of %s', (shape) => {
  test('a call that fails, each in its turn: all is as it was, or all is done', async () => {
    const outcomes = new Set<string>();
    for (let at = 1; at < 100; at++) {
      const { folder, swap, old, thinned } = await lay(shape);
      const { disk, trash, calls } = failing(at, false);
      const result = await swapFiles(disk, swap, thinned, old, trash).then(
        () => 'done',
        () => 'refused',
      );
      outcomes.add(result);
      expect(old.length > 1, 'as the shape says').toBe(shape === 'several parts');
      expect(await rowsOf(folder), `call ${at}`).toEqual([result === 'done' ? THINNED : WHOLE]);
      if (result === 'refused') for (const path of old) expect(await systemDisk.stat(path)).toBeDefined();
      // At the next start nothing is left to do.
      await recoverSwaps(systemDisk, folder, trash);
      expect(await rowsOf(folder), `call ${at}`).toEqual([result === 'done' ? THINNED : WHOLE]);
      expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
      if (calls() < at) break;
    }
    expect(outcomes).toEqual(new Set(['done', 'refused']));
  });

  test('an engine that dies, at each step: the next start goes back or on; one whole copy is listed, none is lost', async () => {
    const seen = new Set<string>();
    for (let at = 1; at < 100; at++) {
      const { folder, swap, old, thinned } = await lay(shape);
      const whole = await Promise.all(old.map((path) => readFile(path)));
      const { disk, trash, calls, bin } = failing(at, true);
      await swapFiles(disk, swap, thinned, old, trash).catch(() => undefined);
      if (shape === 'one part') {
        // Also before the next start, and for who looks at the folder without it.
        const listed = await rowsOf(folder);
        expect(listed.filter(({ state, ok }) => state === 'complete' && ok).length, `call ${at}`).toBeGreaterThan(0);
        expect(listed.some(({ name }) => name === 'night')).toBe(true);
      }
      expect(await recoverSwaps(systemDisk, folder, failing(0, false).trash)).toEqual([]);
      const rows = await rowsOf(folder);
      expect(rows, `call ${at}`).toHaveLength(1);
      expect([WHOLE, THINNED]).toContainEqual(rows[0]);
      seen.add(rows[0]?.thinned ? 'on' : 'back');
      expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
      const left = await Promise.all(
        [folder, bin, join(root, 'bin-0')].map((place) => contents(place).catch(() => new Map<string, Buffer>())),
      );
      const all = left.flatMap((files) => [...files.values()]);
      for (const part of whole)
        expect(
          all.some((bytes) => bytes.equals(part)),
          `call ${at}`,
        ).toBe(true);
      await rm(join(root, 'bin-0'), { recursive: true, force: true });
      if (calls() < at) break;
    }
    expect(seen).toEqual(new Set(['on', 'back']));
  });
});

test('what was being written is swept at the next start, unless its owner lives; what cannot be ended is said and stays', async () => {
  const { folder, swap } = await lay('one part');
  await writeLock(systemDisk, join(swap, SWAP_LOCK));
  const refuse = (): Promise<void> => Promise.reject(new Error('no trash'));
  expect(await recoverSwaps(systemDisk, folder, refuse)).toEqual([]);
  expect(await readdir(folder)).toContain(basename(swap));
  await rm(join(swap, SWAP_LOCK));
  expect(await recoverSwaps(systemDisk, folder, refuse)).toEqual([]);
  expect(await readdir(folder)).not.toContain(basename(swap));

  const again = await lay('several parts');
  const { disk, trash } = failing(1_000, true);
  let isFirst = true;
  const halfway = async (paths: readonly string[]): Promise<void> => {
    // Windows gives nothing back out of its bin.
    if (isFirst) await trash(paths.slice(0, 1));
    isFirst = false;
    throw systemError('EBUSY');
  };
  await expect(swapFiles(disk, again.swap, again.thinned, again.old, halfway)).rejects.toMatchObject({
    code: 'recording.failed',
  });
  const [problem] = await recoverSwaps(systemDisk, again.folder, halfway);
  expect(problem).toContain('tried again at the next start');
  expect(await recoverSwaps(systemDisk, again.folder, trash)).toEqual([]);
  expect(await rowsOf(again.folder)).toEqual([THINNED]);
});

test('a trash that takes the first file and not the second gives the first one back', async () => {
  const { folder, old } = await lay('several parts');
  const place = { platform: 'linux', home: folder, dataHome: join(root, 'data') } as const;
  const before = (await readdir(folder)).sort();
  await expect(moveToTrash([old[0] ?? '', join(folder, 'gone.mcap')], place)).rejects.toMatchObject({
    code: 'recording.denied',
    message: expect.stringContaining('Nothing was put there'),
  });
  expect((await readdir(folder)).sort()).toEqual(before);
  expect(await readdir(join(root, 'data', 'Trash', 'info'))).toEqual([]);
  expect(await readdir(join(root, 'data', 'Trash', 'files'))).toEqual([]);
});
