import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareRows, FLIGHT, FlightBench, RECORDINGS, turns } from '../../../test/fixtures/flight-bench.ts';
import { MemoryVolume } from '../../../test/fixtures/memory-volume.ts';
import { bundleProgram } from '../../../test/fixtures/node-bundle.ts';
import { ABOUT, checkBatch, faultyDisk, systemError } from '../../../test/fixtures/recording-source.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { systemDisk } from '../recording/disk.ts';
import { openLibrary } from '../recording/library.ts';
import { walkPart } from '../recording/part-walk.ts';
import { openRecording } from '../recording/recording.ts';
import { recoverFolder } from '../recording/recovery.ts';
import { verifyRecording } from '../recording/verify.ts';
import { createSystemClock } from '../system-clock.ts';
import { FlightRecorder } from './flight-recorder.ts';
import { saveLast } from './save-last.ts';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'labwire-flight-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const HOUR = 3600;
/** Few syncs: the clock is fast and the disk is real. */
const QUICK = { recorder: { flushMs: 30_000 }, partSeconds: 300 };

async function inodes(folder: string): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const name of await readdir(folder)) {
    if (name.endsWith('.mcap')) found.set((await stat(join(folder, name))).ino, name);
  }
  return found;
}

describe('on a real disk', () => {
  it('the files are shared, not copied, and stay when the flight recorder lets its own go', async () => {
    const folder = join(base, 'shared', 'flight');
    const recordings = join(base, 'shared', 'recordings');
    const options = { random: seededRandom(1), disk: systemDisk, folder, rateHz: 10, limits: QUICK };
    await using bench = new FlightBench(options);
    await bench.flight.start();
    await bench.run(HOUR, 2000);
    const toNs = bench.clock.nowNs();
    const { id, path, fromNs } = await bench.save(32, recordings, systemDisk);

    const ring = await inodes(folder);
    const saved = await inodes(recordings);
    const shared = [...saved].filter(([inode]) => ring.has(inode)).map(([, name]) => name);
    // 32 min are 6 files of 5 min and the one in which they begin.
    expect(saved.size).toBe(shared.length + 1);
    expect(shared.length).toBeGreaterThanOrEqual(6);
    expect(shared).not.toContain('last 32 min.mcap');
    expect(
      (await readdir(recordings)).filter((name) => !/^last 32 min(-\d{4})?\.mcap(\.pyramid)?$/.test(name)),
    ).toEqual([]);

    while (await bench.flight.ring.removeOldest());
    expect((await readdir(folder)).filter((name) => name.endsWith('.mcap'))).toEqual([]);
    await using library = await openLibrary({ folder: () => recordings, clock: bench.clock });
    expect(await library.list()).toMatchObject([
      { id, state: 'complete', tags: ['saved'], instruments: ['daq', 'supply'] },
    ]);
    for (const recording of [await library.open(id), await openRecording(path)]) {
      expect((await verifyRecording(recording)).problems).toEqual([]);
      const { rows, before } = await compareRows(recording, bench.keeper, fromNs, toNs);
      expect(rows - before).toBeGreaterThan(32 * 60 * 9);
      // Of the chunk in which it begins: half a minute at most.
      expect(before).toBeLessThan(31 * 12);
      expect(recording.info).toMatchObject({ id, startedNs: fromNs, complete: true, appVersion: ABOUT.appVersion });
      expect(recording.info.events.at(-1)).toMatchObject({ kind: 'stop', t: String(toNs) });
      await recording[Symbol.asyncDispose]();
    }
  });

  it('saved twice over the same minutes: two recordings, each with names of its own for the files', async () => {
    const folder = join(base, 'twice', 'flight');
    const recordings = join(base, 'twice', 'recordings');
    const options = { random: seededRandom(2), disk: systemDisk, folder, rateHz: 10, limits: QUICK };
    await using bench = new FlightBench(options);
    await bench.flight.start();
    await bench.run(1500, 2000);
    const first = await bench.save(15, recordings, systemDisk);
    await bench.run(120, 2000);
    const second = await bench.save(20, recordings, systemDisk);
    const again = await bench.save(20, recordings, systemDisk);
    await using library = await openLibrary({ folder: () => recordings, clock: bench.clock });
    const rows = await library.list();
    expect(rows.map(({ id, state }) => [id, state]).sort()).toEqual(
      [first.id, second.id, again.id].map((id) => [id, 'complete']).sort(),
    );
    const paths = rows.flatMap(({ paths }) => paths);
    expect(new Set(paths).size, 'no file belongs to two').toBe(paths.length);
    expect(paths.every((path) => existsSync(path))).toBe(true);
    // One of them goes to the trash.
    for (const path of rows.find(({ id }) => id === second.id)?.paths ?? []) await rm(path);
    expect((await library.list()).map(({ state }) => state)).toEqual(['complete', 'complete']);
    await using left = await library.open(again.id);
    expect((await verifyRecording(left)).ok).toBe(true);
  });

  const elsewhere = '/dev/shm';
  it.skipIf(!existsSync(elsewhere))('(needs /dev/shm) on another file system the files are copied', async () => {
    const other = await mkdtemp(join(elsewhere, 'labwire-flight-'));
    try {
      const folder = join(base, 'other', 'flight');
      const options = { random: seededRandom(3), disk: systemDisk, folder, rateHz: 10, limits: QUICK };
      await using bench = new FlightBench(options);
      await bench.flight.start();
      await bench.run(1500, 2000);
      const toNs = bench.clock.nowNs();
      const { path, fromNs } = await bench.save(18, other, systemDisk);
      expect((await stat(other)).dev).not.toBe((await stat(folder)).dev);
      expect((await inodes(other)).size).toBeGreaterThan(2);
      await using recording = await openRecording(path);
      expect((await verifyRecording(recording)).problems).toEqual([]);
      await compareRows(recording, bench.keeper, fromNs, toNs);
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  });

  it('after kill -9 the next engine saves what was written, to the last flush', async () => {
    const folder = join(base, 'killed', 'flight');
    const recordings = join(base, 'killed', 'recordings');
    const program = await bundleProgram('test/fixtures/fly-until-killed.ts', 'fly-until-killed');
    // Files of 4 MiB: in the middle of the fourth or later.
    const child: ChildProcess = spawn(process.execPath, [program, folder, '3'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let told = { rows: 0, parts: 0 };
    if (!child.stdout) throw new Error('no output');
    for await (const line of createInterface({ input: child.stdout })) told = JSON.parse(line);
    const clock = createSystemClock();
    await using flight = new FlightRecorder({
      folder,
      clock,
      settings: () => ({ flight: true, flightBytes: 4e9, flightHours: 0, diskReserveBytes: 0 }),
      about: () => ABOUT,
      onChange: () => undefined,
      tell: () => undefined,
    });
    await flight.start();
    expect(flight.ring.parts.length).toBeGreaterThanOrEqual(told.parts);
    const request = {
      ring: flight.ring,
      disk: systemDisk,
      clock,
      folder: recordings,
      name: 'killed',
      about: ABOUT,
      tags: [],
      reserveBytes: 0,
    };
    // The rows say that they are of 2023.
    const { path } = await saveLast({ ...request, fromNs: 0n, toNs: clock.nowNs() });
    await using recording = await openRecording(path);
    expect(recording.info.missing).toContain('was cut off');
    let rows = 0;
    for await (const batch of recording.batches()) {
      // A busy disk may have made it drop out; then it says so.
      expect(batch.seq).toBe(rows + batch.lost);
      checkBatch(batch);
      rows = batch.seq + batch.rows;
    }
    expect(rows).toBeLessThanOrEqual(told.rows);
    // 16 bytes a row; what was not flushed is less than a second, 32,000 rows each 16 ms.
    expect(rows).toBeGreaterThan(told.rows - 4_000_000);
    expect(rows * 16).toBeGreaterThan(told.parts * 4_000_000);
  });
});

describe('faults', () => {
  async function flown(volume: MemoryVolume, seed: number): Promise<FlightBench> {
    const bench = new FlightBench({ random: seededRandom(seed), disk: volume, rateHz: 10, limits: QUICK });
    await bench.flight.start();
    await bench.run(1500, 2000);
    return bench;
  }
  const left = (volume: MemoryVolume): string[] => volume.paths.filter((path) => path.startsWith(RECORDINGS));

  it.each(['EXDEV', 'EPERM', 'EMLINK', 'ENOSYS'])('where a link is refused with %s, it copies', async (code) => {
    const volume = new MemoryVolume();
    await using bench = await flown(volume, 4);
    const link = volume.link.bind(volume);
    volume.link = async (from, to) => {
      if (to.startsWith(RECORDINGS)) throw systemError(code);
      return link(from, to);
    };
    const toNs = bench.clock.nowNs();
    const { path, fromNs } = await bench.save(17);
    await using recording = await openRecording(path, { disk: volume });
    expect(recording.parts.length).toBeGreaterThan(3);
    expect((await verifyRecording(recording)).problems).toEqual([]);
    await compareRows(recording, bench.keeper, fromNs, toNs);
    const inFlight = await Promise.all(bench.flight.ring.parts.map((part) => volume.stat(part.path)));
    const saved = await Promise.all(recording.parts.map((part) => volume.stat(part.path)));
    const shared = saved.filter((entry) => inFlight.some((other) => other?.inode === entry?.inode));
    expect(shared).toEqual([]);
  });

  it.each(['write', 'sync', 'open', 'rename'] as const)(
    'a disk that fails at %s leaves nothing behind',
    async (failing) => {
      const volume = new MemoryVolume();
      await using bench = await flown(volume, 5);
      volume.link = () => Promise.reject(systemError('EXDEV'));
      for (let after = 0; ; after++) {
        let calls = 0;
        volume.faults = {
          before: (call, path) => {
            if (call === failing && path.startsWith(RECORDINGS) && calls++ === after) throw systemError('ENOSPC');
          },
        };
        const failure = await bench.save(17).then(
          () => undefined,
          (error: unknown) => error,
        );
        // What lies beside a file is never needed.
        if (!failure) break;
        expect(failure).toMatchObject({ code: 'recording.disk-full' });
        expect(left(volume)).toEqual([]);
      }
      expect(left(volume).length).toBeGreaterThan(3);
    },
  );

  it('a disk without room for the copies is told before anything is copied', async () => {
    const volume = new MemoryVolume();
    await using bench = await flown(volume, 6);
    volume.link = () => Promise.reject(systemError('EXDEV'));
    const { freeBytes } = volume;
    volume.freeBytes = async (folder) => (folder === RECORDINGS ? 1000 : freeBytes.call(volume, folder));
    await expect(bench.save(17)).rejects.toMatchObject({ code: 'recording.disk-full' });
    expect(left(volume)).toEqual([]);
  });

  it('cut off while it is made, the next start finishes it, and it says what it lacks', async () => {
    const volume = new MemoryVolume();
    await using bench = await flown(volume, 7);
    let links = 0;
    const link = volume.link.bind(volume);
    // The process ends here: the third file never gets its name.
    volume.link = (from, to) => (++links > 4 ? new Promise(() => undefined) : link(from, to));
    void bench.save(17);
    await turns(200);
    volume.forgetLocks();
    await recoverFolder(RECORDINGS, bench.clock, volume);
    await using library = await openLibrary({ folder: () => RECORDINGS, clock: bench.clock, disk: volume });
    const rows = await library.list();
    expect(rows).toMatchObject([{ state: 'damaged', reason: expect.stringContaining('not in its folder') }]);
    await using recording = await library.open(rows[0]?.id ?? '');
    let seq = 0;
    for await (const batch of recording.batches()) {
      if (recording.streams[batch.stream - 1]?.info.instrument !== 'daq') continue;
      expect(batch.seq).toBeGreaterThanOrEqual(seq);
      seq = batch.seq + batch.rows;
    }
    expect(seq).toBeGreaterThan(0);
  });

  it('a damaged stretch of the flight recorder is left out and said, the rest is there', async () => {
    const volume = new MemoryVolume();
    await using bench = await flown(volume, 8);
    await bench.flight.settle();
    // Of the file that is cut: the last chunk but one, which is copied.
    const fromNs = bench.clock.nowNs() - 17n * 60_000_000_000n;
    const part = bench.flight.ring.parts.findLast((one) => one.fromNs < fromNs);
    const file = await volume.open(part?.path ?? '', 'update');
    const chunk = (await walkPart(file, await file.size())).chunks.at(-2);
    await file.write([Uint8Array.of(1, 2, 3, 4)], (chunk?.offset ?? 0) + (chunk?.length ?? 0) - 20);
    const { path, shortfall } = await bench.save(17);
    expect(shortfall).toBe('A damaged stretch of the flight recorder had to be left out.');
    await using recording = await openRecording(path, { disk: volume });
    const { problems, samples } = await verifyRecording(recording);
    // The hole in the row numbers: of both streams.
    expect(problems.every((problem) => problem.includes('follows row'))).toBe(true);
    expect(samples).toBeGreaterThan(15 * 60 * 10 * 3);
  });

  it('nothing of that time: flight.unavailable; less than asked: said in the notes', async () => {
    const volume = new MemoryVolume();
    await using bench = new FlightBench({ random: seededRandom(9), disk: volume });
    await bench.flight.start();
    await expect(bench.save(10)).rejects.toMatchObject({ code: 'flight.unavailable' });
    expect(left(volume)).toEqual([]);
    await bench.run(30);
    const { path, shortfall } = await bench.save(10);
    expect(shortfall).toBe('The last 10 min were asked for; the flight recorder held 30 s.');
    await using recording = await openRecording(path, { disk: volume });
    expect(recording.info.notes).toBe(`${ABOUT.notes}\n${shortfall}`);
    // Its files have other names in the folder than in the ring, and it makes none there.
    expect(volume.paths.filter((name) => name.startsWith(FLIGHT) && name.includes('last'))).toEqual([]);
  });
});

it('the injected disk is the one that is used', async () => {
  let links = 0;
  const disk = faultyDisk({
    link: (from, to) => {
      links++;
      return systemDisk.link(from, to);
    },
  });
  const folder = join(base, 'injected', 'flight');
  await using bench = new FlightBench({ random: seededRandom(10), disk, folder, rateHz: 10, limits: QUICK });
  await bench.flight.start();
  await bench.run(700, 2000);
  await bench.save(10, join(base, 'injected', 'recordings'), disk);
  expect(links).toBeGreaterThan(1);
});
