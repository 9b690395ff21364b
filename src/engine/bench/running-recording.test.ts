import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MemoryVolume } from '../../../test/fixtures/memory-volume.ts';
import {
  ABOUT,
  checkBatch,
  createTestClock,
  faultyDisk,
  START_NS,
  STREAMED,
  streamedBatch,
  systemError,
} from '../../../test/fixtures/recording-source.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { SampleFan } from '../acquisition/sample-fan.ts';
import { StreamRegistry } from '../acquisition/stream-registry.ts';
import { type Disk, systemDisk } from '../recording/disk.ts';
import { openRecording } from '../recording/recording.ts';
import { recoverFolder } from '../recording/recovery.ts';
import { openRunning, type RunningOptions, type RunningRecording } from './running-recording.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'labwire-running-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Lets what was asked of the disk come back. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Time goes on until it is so. */
async function until(clock: ReturnType<typeof createTestClock>, holds: () => boolean): Promise<void> {
  await expect
    .poll(
      async () => {
        await clock.advance(1000);
        return holds();
      },
      { interval: 5, timeout: 30_000 },
    )
    .toBe(true);
}

interface Case {
  recording: RunningRecording;
  clock: ReturnType<typeof createTestClock>;
  told: string[];
  /** Rows offered so far. */
  offer(rows: number): void;
  offered(): number;
}

async function open(
  disk: Disk,
  folder: string,
  fallback = '',
  queueBytes = 1 << 20,
  more: Partial<RunningOptions> = {},
): Promise<Case> {
  const clock = createTestClock();
  const told: string[] = [];
  const registry = new StreamRegistry(new SampleFan(), clock);
  const recording = await openRunning({
    recorder: { folder, name: 'night', clock, disk, limits: { chunkBytes: 2000, queueBytes, reserveBytes: 0 } },
    clock,
    registry,
    choiceOf: () => ({ recorded: true, logIntervalS: null }),
    about: () => ABOUT,
    fallback: () => fallback,
    changed: () => undefined,
    tell: ({ text }) => void told.push(text),
    ...more,
  });
  recording.sink.streamOpened(STREAMED);
  let seq = 0;
  return {
    recording,
    clock,
    told,
    offer(rows) {
      recording.sink.batch(streamedBatch(seq, rows));
      seq += rows;
    },
    offered: () => seq,
  };
}

/** Every row once, in order; gives how many, and how many are missing between them. */
async function readRows(
  path: string,
  parts: readonly string[],
  disk?: Disk,
): Promise<{ rows: number; missing: number }> {
  await using recording = await openRecording(path, { parts, disk });
  let next = 0;
  let rows = 0;
  let missing = 0;
  for await (const batch of recording.batches()) {
    expect(batch.seq, 'no row twice, none back').toBeGreaterThanOrEqual(next);
    missing += batch.seq - next;
    checkBatch(batch);
    rows += batch.rows;
    next = batch.seq + batch.rows;
  }
  expect(recording.info.lost, 'what is missing is counted').toBe(missing);
  return { rows, missing };
}

async function pathsIn(...folders: string[]): Promise<string[]> {
  const all = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).map((name) => join(folder, name))),
  );
  return all.flat().filter((path) => path.endsWith('.mcap'));
}

test('a disk that is full for a while: it waits, says so, and goes on in a new part; nothing is missing', async () => {
  let isFull = false;
  const disk = faultyDisk({}, (file) => ({
    ...file,
    write: (buffers, position) => (isFull ? Promise.reject(systemError('ENOSPC')) : file.write(buffers, position)),
  }));
  const { recording, clock, told, offer, offered } = await open(disk, join(root, 'a'));
  for (let round = 0; round < 20; round++) {
    if (round === 5) {
      // The first part has rows by then: one that has none is removed.
      await until(clock, () => recording.stalled.bytes === 0);
      isFull = true;
    }
    if (round === 15) isFull = false;
    offer(100);
    await clock.advance(1000);
    await settle();
    recording.check();
    if (round === 10) {
      await until(clock, () => recording.isWaiting);
      expect(recording.state).toMatchObject({ state: 'waiting', error: { code: 'recording.disk-full' } });
    }
  }
  await until(clock, () => !recording.isWaiting);
  expect(recording.state.state).toBe('recording');
  expect(told[0]).toContain('cannot be written');
  expect(told.at(-1)).toContain('goes on in a new part');
  const { paths, error } = await recording.stop('enough');
  expect(error).toBeUndefined();
  expect(paths.length).toBeGreaterThan(1);
  expect(await readRows(paths[0] ?? '', paths)).toEqual({ rows: offered(), missing: 0 });
});

test('a folder that goes: it goes on in the fallback if that is there, and neither is made anew', async () => {
  const folder = join(root, 'drive', 'recordings');
  const fallback = join(root, 'here');
  const { recording, clock, told, offer, offered } = await open(faultyDisk({}), folder, fallback);
  for (let round = 0; round < 10; round++) {
    if (round === 4) await rename(join(root, 'drive'), join(root, 'pulled'));
    offer(100);
    await clock.advance(1000);
    await settle();
    recording.check();
  }
  // Nor is the second one made: its drive may be gone, too.
  await until(clock, () => recording.isWaiting);
  expect(await readdir(root)).toEqual(['pulled']);
  expect(told.join()).not.toContain('here');
  await mkdir(fallback);
  await until(clock, () => recording.folder === fallback);
  const { paths } = await recording.stop('enough');
  expect(await readdir(root)).not.toContain('drive');
  expect(paths.some((path) => path.startsWith(fallback))).toBe(true);
  // What lies on the drive that was pulled is whole up to then: with it nothing is missing.
  const pulled = join(root, 'pulled', 'recordings');
  // Its writer lives: this test. On the next start of the engine it does not.
  for (const name of await readdir(pulled)) if (name.endsWith('.lock')) await rm(join(pulled, name));
  await recoverFolder(pulled, clock);
  const all = await pathsIn(join(root, 'pulled', 'recordings'), fallback);
  expect(await readRows(all[0] ?? '', all)).toEqual({ rows: offered(), missing: 0 });
});

const RESUMED = {
  continues: { id: 'rec-before', startedNs: START_NS - 3_600_000_000_000n, part: 3 },
  resumes: { isOnOwnDrive: false },
};

test('resumed before its drive is there: it waits, says so, makes no folder, and goes on when the drive comes; nothing is missing', async () => {
  const folder = join(root, 'drive', 'recordings');
  const { recording, clock, told, offer, offered } = await open(faultyDisk({}), folder, '', 1 << 20, RESUMED);
  expect(recording.state).toMatchObject({
    state: 'waiting',
    recording: 'rec-before',
    part: 2,
    error: { code: 'recording.folder-gone' },
  });
  expect(told).toEqual([expect.stringContaining('cannot be written')]);
  for (let second = 0; second < 100; second++) {
    offer(10);
    await clock.advance(1000);
    await settle();
  }
  expect(await readdir(root), 'nothing was made in its place').toEqual([]);
  await mkdir(folder, { recursive: true });
  await until(clock, () => !recording.isWaiting);
  expect(told.at(-1)).toContain('goes on in a new part');
  offer(10);
  const { id, paths, error } = await recording.stop('enough');
  expect([id, error, recording.part]).toEqual(['rec-before', undefined, 3]);
  expect(await readRows(paths[0] ?? '', paths)).toEqual({ rows: offered(), missing: 0 });
});

test('resumed without its drive it goes on in the second folder at once', async () => {
  const fallback = join(root, 'here');
  await mkdir(fallback);
  const { recording, told, offer, offered } = await open(
    faultyDisk({}),
    join(root, 'drive'),
    fallback,
    1 << 20,
    RESUMED,
  );
  expect([recording.state.state, recording.folder, recording.part]).toEqual(['recording', fallback, 3]);
  expect(told).toEqual([expect.stringMatching(/goes on in a new part in .*here: .*drive is not there/)]);
  offer(10);
  const { paths } = await recording.stop('enough');
  expect(await readRows(paths[0] ?? '', paths)).toEqual({ rows: offered(), missing: 0 });
});

test('resumed on a drive: the empty folder where it belongs is not the drive', async () => {
  const folder = join(root, 'drive');
  await mkdir(folder);
  let isMounted = false;
  const disk = faultyDisk({
    stat: async (path) => {
      const entry = await systemDisk.stat(path);
      return entry && { ...entry, device: isMounted && path === folder ? 2 : 1 };
    },
  });
  const { recording, clock, offer } = await open(disk, folder, '', 1 << 20, {
    ...RESUMED,
    resumes: { isOnOwnDrive: true },
    home: root,
  });
  offer(10);
  await clock.advance(20_000);
  expect(recording.isWaiting).toBe(true);
  expect(await readdir(folder)).toEqual([]);
  isMounted = true;
  await until(clock, () => !recording.isWaiting);
  expect((await recording.stop('enough')).paths).toEqual([join(folder, 'night-0003.mcap')]);
});

test('resumed while its disk does not answer: nobody waits for it', async () => {
  let answer = (): void => undefined;
  const hanging = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const disk = faultyDisk({ stat: (path) => hanging.then(() => systemDisk.stat(path)) });
  const folder = join(root, 'network');
  await mkdir(folder);
  const clock = createTestClock();
  const opening = open(disk, folder, '', 1 << 20, { ...RESUMED, clock });
  await settle();
  await clock.advance(5000);
  const { recording, offer, offered } = await opening;
  expect(recording.isWaiting).toBe(true);
  offer(10);
  answer();
  await until(clock, () => !recording.isWaiting);
  const { paths } = await recording.stop('enough');
  expect(await readRows(paths[0] ?? '', paths)).toEqual({ rows: offered(), missing: 0 });
});

/** A disk of which one folder hangs: its calls come back when it is released. */
function hangingDisk(folder: string): { disk: MemoryVolume; hang(): void; release(): void } {
  const disk = new MemoryVolume();
  let held: Promise<void> | undefined;
  let release = (): void => undefined;
  disk.faults.before = (_, path) => (path.startsWith(folder) ? held : undefined);
  return {
    disk,
    hang() {
      held = new Promise((resolve) => {
        release = resolve;
      });
    },
    release() {
      held = undefined;
      release();
    },
  };
}

/** The result of a stop, with time going on. */
async function stopped({ recording, clock }: Case): Promise<Awaited<ReturnType<RunningRecording['stop']>>> {
  let result: Awaited<ReturnType<RunningRecording['stop']>> | undefined;
  const fromMs = clock.monotonicMs();
  void recording.stop('enough').then((ended) => {
    result = ended;
  });
  await until(clock, () => result !== undefined);
  expect(clock.monotonicMs() - fromMs).toBeLessThan(35_000);
  if (!result) throw new Error('not stopped');
  return result;
}

test('a disk that hangs and fills the memory: it goes on in the second folder, and its stop names the disk that hangs; when that comes back, no row is there twice', async () => {
  const { disk, hang, release } = hangingDisk('/net');
  await disk.makeFolder('/here');
  const running = await open(disk, '/net', '/here', 40_000);
  const { recording, clock, told, offer, offered } = running;
  for (let round = 0; round < 100 && recording.folder === '/net'; round++) {
    if (round === 5) hang();
    offer(100);
    await clock.advance(1000);
    await settle();
    recording.check();
  }
  expect([recording.folder, recording.state.state]).toEqual(['/here', 'recording']);
  expect(told.at(-1)).toContain('goes on in a new part in /here');
  offer(100);
  await clock.advance(1000);
  const { paths, error } = await stopped(running);
  expect(error).toMatchObject({ code: 'recording.failed', details: { folder: '/net' } });
  expect(paths).toEqual(['/net/night.mcap.part', '/here/night-0002.mcap']);
  release();
  // The part that was asked of it in between is nobody's: it goes.
  await until(
    clock,
    () => disk.paths.filter((path) => path.startsWith('/net')).join() === '/net/night.mcap,/net/night.mcap.pyramid',
  );
  await until(clock, () => clock.pending === 0);
  const all = disk.paths.filter((path) => path.endsWith('.mcap'));
  expect(all).toEqual(['/here/night-0002.mcap', '/net/night.mcap']);
  const { rows, missing } = await readRows('/net/night.mcap', ['/net/night.mcap', '/here/night-0002.mcap'], disk);
  expect(rows + missing).toBe(offered());
  expect(rows).toBeGreaterThan(500);
});

test('stopped while its only disk hangs: it ends all the same, with the paths as they are', async () => {
  const { disk, hang } = hangingDisk('/net');
  const running = await open(disk, '/net');
  running.offer(100);
  await until(running.clock, () => running.recording.state.bytes > 4000);
  hang();
  running.offer(100);
  const { paths, error } = await stopped(running);
  expect(error).toMatchObject({ code: 'recording.failed', details: { folder: '/net' } });
  expect(paths).toEqual(['/net/night.mcap.part']);
});

test('a part that a slow disk gives after a while is the next one, if there is none by then', async () => {
  const { disk, hang, release } = hangingDisk('/net');
  const { recording, clock, offer, offered } = await open(disk, '/net', '', 40_000);
  for (let round = 0; round < 60; round++) {
    if (round === 5) hang();
    if (round === 45) release();
    if (round < 40) offer(100);
    await clock.advance(1000);
    await settle();
    recording.check();
  }
  await until(clock, () => !recording.isWaiting);
  expect(recording.part).toBe(2);
  offer(10);
  const { paths, error } = await recording.stop('enough');
  expect(error).toBeUndefined();
  expect(disk.paths.filter((path) => path.endsWith('.mcap'))).toEqual([...paths].sort());
  const { rows, missing } = await readRows(paths[0] ?? '', paths, disk);
  expect(rows + missing).toBe(offered());
});

test('stopped while it waits: what was held is tried once more', async () => {
  let isFull = false;
  const disk = faultyDisk({}, (file) => ({
    ...file,
    write: (buffers, position) => (isFull ? Promise.reject(systemError('EIO')) : file.write(buffers, position)),
  }));
  const { recording, clock, offer, offered } = await open(disk, join(root, 'a'));
  offer(100);
  await until(clock, () => recording.state.bytes > 4000);
  isFull = true;
  offer(100);
  await until(clock, () => recording.isWaiting);
  offer(100);
  isFull = false;
  const { paths, error } = await recording.stop('enough');
  expect(error).toBeUndefined();
  expect(await readRows(paths[0] ?? '', paths)).toEqual({ rows: offered(), missing: 0 });
});

test('stopped while no disk takes anything: the reason is told, what was written stays', async () => {
  let isFull = false;
  const disk = faultyDisk({}, (file) => ({
    ...file,
    write: (buffers, position) => (isFull ? Promise.reject(systemError('EIO')) : file.write(buffers, position)),
  }));
  const { recording, clock, offer } = await open(disk, join(root, 'a'));
  offer(100);
  await until(clock, () => recording.state.bytes > 4000);
  isFull = true;
  offer(100);
  await until(clock, () => recording.isWaiting);
  const { error } = await recording.stop('enough');
  expect(error?.code).toBe('recording.failed');
  await recoverFolder(join(root, 'a'), clock);
  const paths = await pathsIn(join(root, 'a'));
  expect((await readRows(paths[0] ?? '', paths)).rows).toBe(100);
});

test('a disk that takes new files and nothing that goes into them is tried less and less often', async () => {
  const disk = new MemoryVolume();
  let files = 0;
  let isBad = true;
  disk.faults.before = (call, path) => {
    if (call === 'open' && path.endsWith('.part')) files++;
    if (call === 'write' && isBad) throw systemError('EIO');
  };
  const { recording, clock, told, offer, offered } = await open(disk, '/a');
  for (let second = 0; second < 120; second++) {
    offer(1);
    await clock.advance(1000);
    await settle();
  }
  // At once, then after 2, 4, 8, 16, 32, 60 s.
  expect(files).toBeGreaterThan(4);
  expect(files).toBeLessThan(10);
  expect(told.length).toBeLessThan(20);
  isBad = false;
  const { paths, error } = await recording.stop('enough');
  expect(error).toBeUndefined();
  expect(await readRows(paths[0] ?? '', paths, disk)).toEqual({ rows: offered(), missing: 0 });
});

test('seeded: disks that fail and come back, at any call, with little memory: every row is there once, or is counted as lost with its reason', async () => {
  let continued = 0;
  let lostRuns = 0;
  for (let seed = 1; seed <= 24; seed++) {
    const random = seededRandom(seed);
    const folder = `/run-${seed}`;
    let isBad = false;
    const disk = new MemoryVolume();
    disk.faults.before = (call) => {
      const fails = call === 'write' || ((call === 'sync' || call === 'truncate') && random.next() < 0.5);
      if (isBad && fails) throw systemError(random.next() < 0.5 ? 'EIO' : 'ENOSPC');
    };
    const { recording, clock, offer, offered } = await open(disk, folder, '', seed % 2 === 0 ? 40_000 : 4_000_000);
    for (let step = 0; step < 60; step++) {
      if (random.next() < 0.1) isBad = !isBad;
      offer(1 + random.below(150));
      if (random.next() < 0.5) await clock.advance(random.below(4000));
      if (random.next() < 0.5) await settle();
      recording.check();
    }
    isBad = false;
    // Longer than the longest wait for the next try.
    for (let second = 0; second < 130 && (recording.isWaiting || recording.stalled.bytes > 0); second++) {
      await clock.advance(1000);
      await settle();
    }
    expect(recording.isWaiting, `seed ${seed}`).toBe(false);
    // What could not be held shows before what comes next.
    offer(10);
    const { paths, error } = await recording.stop('enough');
    expect(error, `seed ${seed}`).toBeUndefined();
    await recoverFolder(folder, clock, disk);
    const all = disk.paths.filter((path) => path.endsWith('.mcap'));
    if (paths.length > 1) continued++;
    const { rows, missing } = await readRows(all[0] ?? '', all, disk).catch((cause: unknown) => {
      throw new Error(`seed ${seed}`, { cause });
    });
    expect(rows + missing, `seed ${seed}`).toBe(offered());
    if (missing > 0) lostRuns++;
    expect(clock.pending, 'no timer is left').toBe(0);
  }
  expect(continued).toBeGreaterThan(10);
  expect(lostRuns).toBeGreaterThan(2);
  expect(lostRuns).toBeLessThan(24);
});
