import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleProgram } from '../../../test/fixtures/node-bundle.ts';
import {
  ABOUT,
  checkBatch,
  createTestClock,
  STREAMED,
  streamedBatch,
} from '../../../test/fixtures/recording-source.ts';
import { openLibrary } from './library.ts';
import { openRecorder } from './recorder.ts';
import { openRecording } from './recording.ts';
import { verifyRecording } from './verify.ts';

let base: string;
let program: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'labwire-crash-'));
  program = await bundleProgram('test/fixtures/record-until-killed.ts', 'record-until-killed');
});
afterAll(() => rm(base, { recursive: true, force: true }));

interface Told {
  /** Given to the recorder. */
  rows: number;
  /** Of these in the file; at the slow rate. */
  flushed?: number;
  /** In the file; at the fast rate. */
  bytes?: number;
}

/** Records in a process of its own until `enough` says so, then kills it without warning. Gives what it had told. */
async function recordAndKill(folder: string, rate: string, enough: (told: Told[]) => boolean): Promise<Told[]> {
  const child: ChildProcess = spawn(process.execPath, [program, folder, rate], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const told: Told[] = [];
  if (!child.stdout) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    told.push(JSON.parse(line));
    if (enough(told)) child.kill('SIGKILL');
  }
  return told;
}

async function readBack(path: string): Promise<number> {
  await using recording = await openRecording(path);
  let rows = 0;
  for await (const batch of recording.batches()) {
    expect(batch.seq).toBe(rows);
    checkBatch(batch);
    rows += batch.rows;
  }
  return rows;
}

describe('after kill -9', () => {
  it('at 10 Hz the file holds all but the last second', async () => {
    const folder = join(base, 'slow');
    const told = await recordAndKill(folder, 'slow', (so) => so.length >= 28);
    // By its own time, which stands while the disk works.
    for (const { rows, flushed = 0 } of told) expect(rows - flushed).toBeLessThanOrEqual(10);
    const sure = told.at(-1)?.flushed ?? 0;
    expect(sure).toBeGreaterThan(15);
    const rows = await readBack(join(folder, 'run.mcap.part'));
    expect(rows).toBeGreaterThanOrEqual(sure);
    await using recording = await openRecording(join(folder, 'run.mcap.part'));
    expect(recording.isRunning).toBe(false);
    expect(recording.info).toMatchObject({ complete: false, interrupted: true });
    expect(recording.info.missing).toContain('Part 1 was cut off after');
  });

  it('at 30 MB/s it holds every byte that was written, and the next start finishes it', async () => {
    const folder = join(base, 'fast');
    const told = await recordAndKill(folder, 'fast', (so) => (so.at(-1)?.bytes ?? 0) > 20_000_000);
    const written = told.at(-1)?.bytes ?? 0;
    const before = await readBack(join(folder, 'run.mcap.part'));
    expect(before * 16).toBeGreaterThan(written * 0.98);
    expect(before).toBeLessThanOrEqual(told.at(-1)?.rows ?? 0);

    await using library = await openLibrary({ folder: () => folder, clock: createTestClock() });
    expect(await library.list()).toMatchObject([{ state: 'interrupted' }]);
    const results = await library.recover();
    expect(results).toMatchObject([{ state: 'finished', recording: { name: 'run', part: 1 } }]);
    expect(await readdir(folder)).toEqual(['run.mcap', 'run.mcap.pyramid']);
    expect(await library.list()).toMatchObject([
      { state: 'recovered', reason: expect.stringContaining('was cut off') },
    ]);
    expect(await readBack(join(folder, 'run.mcap'))).toBe(before);
    await using recording = await openRecording(join(folder, 'run.mcap'));
    expect((await verifyRecording(recording)).problems).toEqual([recording.info.missing]);
    expect(recording.info.events.map((event) => event.kind)).toEqual(['start', 'interrupted']);
  });

  it('leaves a file alone whose writer lives, and goes on in a new part with the same id', async () => {
    const folder = join(base, 'alive');
    const clock = createTestClock();
    const limits = { reserveBytes: 0 };
    const first = await openRecorder({ folder, name: 'run', clock, about: ABOUT, limits });
    await using library = await openLibrary({ folder: () => folder, clock });
    expect(await library.recover()).toEqual([{ path: join(folder, 'run.mcap.part'), state: 'running' }]);
    expect(await library.list()).toMatchObject([{ id: first.id, state: 'recording' }]);
    await first.stop('');
    const continues = { id: first.id, startedNs: first.startedNs, part: 2 };
    const second = await openRecorder({ folder, name: 'run', clock, about: ABOUT, limits, continues });
    second.streamOpened(STREAMED);
    second.batch(streamedBatch(0, 10));
    await second.stop('');
    const rows = await library.list();
    expect(rows).toMatchObject([{ id: first.id, state: 'complete', channels: 4 }]);
    expect(rows[0]?.paths).toHaveLength(2);
  });
});

const canMount = process.platform === 'linux' && process.getuid?.() === 0 && mountWorks();

function mountWorks(): boolean {
  try {
    const place = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place], { stdio: 'ignore' });
    execFileSync('umount', [place]);
    return true;
  } catch {
    return false;
  }
}

describe('on a small disk', () => {
  it.skipIf(!canMount)(
    '(needs root to mount one) it ends when the disk is full, finished, with everything before',
    async () => {
      const place = join(base, 'small');
      execFileSync('mkdir', [place]);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', place]);
      try {
        const recorder = await openRecorder({
          folder: place,
          name: 'run',
          clock: createTestClock(),
          about: ABOUT,
          limits: { reserveBytes: 0 },
        });
        recorder.streamOpened(STREAMED);
        let offered = 0;
        while (recorder.state === 'recording' && offered < 1000) {
          recorder.batch(streamedBatch(offered++ * 1000, 1000));
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect((await recorder.failed).code).toBe('recording.disk-full');
        expect((await recorder.stop('')).paths).toEqual([join(place, 'run.mcap')]);
        // All whole chunks of 1 MiB that fit beside the half-written one.
        expect(await readBack(join(place, 'run.mcap'))).toBeGreaterThanOrEqual(3 * 65_000);
      } finally {
        execFileSync('umount', [place]);
      }
    },
  );
});
