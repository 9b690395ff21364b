import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  ABOUT,
  checkBatch,
  createTestClock,
  faultyDisk,
  STREAMED,
  streamedBatch,
  systemError,
} from '../../../test/fixtures/recording-source.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { openLibrary } from './library.ts';
import { openRecorder } from './recorder.ts';

const CALLS = ['write', 'sync', 'truncate', 'rename', 'stat', 'open'] as const;

/** One run: random batches, pauses, rotations and stops, with one kind of system call failing now and then from some point on. */
async function run(seed: number): Promise<string> {
  const random = seededRandom(seed);
  const folder = await mkdtemp(join(tmpdir(), 'labwire-faults-'));
  const failing = random.next() < 0.8 ? CALLS[random.below(CALLS.length)] : undefined;
  const after = random.below(30);
  const isLasting = random.next() < 0.5;
  let calls = 0;
  const check = async (call: (typeof CALLS)[number]): Promise<void> => {
    if (random.next() < 0.2) await new Promise((resolve) => setImmediate(resolve));
    if (call !== failing) return;
    calls++;
    if (calls === after || (isLasting && calls > after)) throw systemError(random.next() < 0.5 ? 'EIO' : 'ENOSPC');
  };
  const real = faultyDisk({});
  const disk = {
    ...real,
    stat: (path: string) => check('stat').then(() => real.stat(path)),
    rename: (from: string, to: string) => check('rename').then(() => real.rename(from, to)),
    open: async (path: string, mode: 'read' | 'create' | 'update') => {
      await check('open');
      const file = await real.open(path, mode);
      return {
        ...file,
        write: async (buffers: Uint8Array[], position: number) => {
          // A few bytes at a time, as a system may.
          const some =
            random.next() < 0.2 && buffers[0]
              ? [buffers[0].subarray(0, 1 + random.below(buffers[0].byteLength))]
              : buffers;
          await check('write');
          return file.write(some, position);
        },
        sync: () => check('sync').then(() => file.sync()),
        truncate: (bytes: number) => check('truncate').then(() => file.truncate(bytes)),
      };
    },
  };
  const clock = createTestClock();
  const limits = { chunkBytes: 3000, partBytes: 12_000, syncBytes: 8000, queueBytes: 60_000, reserveBytes: 0 };
  try {
    const recorder = await openRecorder({ folder, name: 'run', clock, about: ABOUT, limits, disk }).catch(
      () => undefined,
    );
    if (!recorder) return 'refused';
    recorder.streamOpened(STREAMED);
    let offered = 0;
    for (let step = 0; step < 60 && recorder.state === 'recording'; step++) {
      const what = random.next();
      if (what < 0.7) {
        const rows = 1 + random.below(120);
        recorder.batch(streamedBatch(offered, rows));
        // The batch over which the queue overflows is the first that is not in the file.
        if (recorder.state === 'recording') offered += rows;
      } else if (what < 0.8) await clock.advance(1000);
      else for (let turns = random.below(20); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    }
    const result = await recorder.stop('');
    expect(recorder.state).toBe(result.error ? 'failed' : 'stopped');
    if (result.error)
      expect((await recorder.failed).code).toMatch(/^recording\.(failed|disk-full|overrun|folder-gone)$/);
    expect(clock.pending, 'no timer is left').toBe(0);

    // Whoever comes next, on a sound disk, finishes what is left and reads it all.
    await using library = await openLibrary({ folder: () => folder, clock });
    for (const file of await library.recover()) expect(file.state).toMatch(/finished|unreadable/);
    if (result.error && (await library.list()).length === 0) {
      expect(result.stats.bytes, 'only the head was written').toBeLessThan(3500);
      return result.error.code;
    }
    await using recording = await library.open(recorder.id);
    let rows = 0;
    for await (const batch of recording.batches()) {
      expect(batch.seq, 'in order, without a hole').toBe(rows);
      checkBatch(batch);
      rows += batch.rows;
    }
    expect(rows).toBeLessThanOrEqual(offered);
    if (!result.error || result.error.code === 'recording.overrun') expect(rows).toBe(offered);
    expect(
      (await readdir(folder)).filter((name) => !/\.mcap(\.pyramid)?$/.test(name) && !name.includes('.part')),
    ).toEqual([]);
    return result.error?.code ?? 'stopped';
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

it('whatever system call fails, and when: all that was written is there, in order, and the end is told', async () => {
  const ends = new Map<string, number>();
  for (let seed = 1; seed <= 80; seed++) {
    const end = await run(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`);
    });
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  expect([...ends.keys()].sort()).toEqual(
    expect.arrayContaining(['recording.disk-full', 'recording.failed', 'stopped']),
  );
});
