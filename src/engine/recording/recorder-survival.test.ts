import { expect, it } from 'vitest';
import { type DiskCall, MemoryVolume } from '../../../test/fixtures/memory-volume.ts';
import { type ModelKind, RecordingModel } from '../../../test/fixtures/recording-model.ts';
import { ABOUT, createTestClock, systemError } from '../../../test/fixtures/recording-source.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { openRecorder } from './recorder.ts';
import type { Recorder } from './recorder-options.ts';
import { openRecording } from './recording.ts';
import { recoverFolder } from './recovery.ts';
import { verifyRecording } from './verify.ts';

const KINDS: ModelKind[] = [
  { name: 'fast', kind: 'regular', columns: 4, isFloat64: false, stepNs: 1_000_000 },
  { name: 'polled', kind: 'timed', columns: 2, isFloat64: true, stepNs: 100_000_000 },
  { name: 'scope', kind: 'segment', columns: 1, isFloat64: false, stepNs: 1000 },
];
const FAILING: DiskCall[] = ['write', 'sync', 'truncate', 'rename', 'stat', 'open', 'free'];
const FOLDERS = ['/main', '/other'];

interface Outcome {
  failures: number;
  refused: number;
  parts: number;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * One night in short: a bench sends, the disk fails in every way now and then, and each time another recorder takes over what the one before had not
 * written. Afterwards the machine starts anew on a sound disk, and reads.
 */
async function run(seed: number): Promise<Outcome> {
  const random = seededRandom(seed);
  const volume = new MemoryVolume();
  const clock = createTestClock();
  const model = new RecordingModel(random, KINDS);
  const isSmall = random.next() < 0.3;
  const limits = {
    chunkBytes: 2000 + random.below(6000),
    partBytes: random.next() < 0.5 ? 20_000 + random.below(40_000) : 1e9,
    partSeconds: random.next() < 0.3 ? 4 : Number.POSITIVE_INFINITY,
    syncBytes: 4000 + random.below(30_000),
    queueBytes: isSmall ? 15_000 : 10_000_000,
    reserveBytes: 0,
  };
  const compression = (['none', 'lz4', 'zstd'] as const)[random.below(3)];
  const failing = new Set(FAILING.filter(() => random.next() < 0.5));
  const rate = random.next() < 0.5 ? 0.01 : 0.06;
  let isSick = true;
  let lastingUntil = 0;
  volume.faults = {
    before: async (call) => {
      if (random.next() < 0.2) await turns(1 + random.below(call === 'sync' ? 30 : 3));
      if (!isSick || !failing.has(call)) return;
      if (clock.monotonicMs() < lastingUntil || random.next() < rate) {
        if (random.next() < 0.3) lastingUntil = clock.monotonicMs() + random.below(20_000);
        throw systemError(random.next() < 0.5 ? 'EIO' : 'ENOSPC');
      }
    },
    takes: (bytes) => (random.next() < 0.2 ? 1 + random.below(bytes) : bytes),
    afterWrite: () => {
      // All of it was taken, and yet it is an error.
      if (isSick && failing.has('write') && random.next() < rate / 4) throw systemError('EIO');
    },
    losesUnsynced: () => random.next() < 0.5,
  };

  const recorders: Recorder[] = [];
  let part = 1;
  const open = async (): Promise<Recorder | undefined> => {
    const first = recorders[0];
    const continues = first && { id: first.id, startedNs: first.startedNs, part };
    const folder = FOLDERS[random.below(2)] ?? '';
    const options = { folder, name: 'run', clock, about: ABOUT, limits, disk: volume, compression, continues };
    return openRecorder(options).catch(() => undefined);
  };
  let recorder = await open();
  while (!recorder) recorder = await open();
  recorders.push(recorder);
  model.connect(recorder);
  let failures = 0;
  const takeOver = async (): Promise<void> => {
    if (recorder?.state !== 'failed') return;
    part = recorder.stats.part + 1;
    const next = await open();
    if (!next) return;
    failures++;
    // Without a turn between: what comes goes to one or the other.
    next.adopt(recorder.takeUnwritten());
    recorder = next;
    recorders.push(next);
    model.connect(next);
  };
  for (let step = 0; step < 150; step++) {
    const what = random.next();
    if (what < 0.75) model.act(clock.nowNs());
    else if (what < 0.85) await clock.advance(random.below(1500));
    else await turns(random.below(15));
    if (random.next() < 0.3) await takeOver();
  }
  isSick = false;
  for (;;) {
    await takeOver();
    const { state } = recorder;
    if (state === 'recording') {
      const { error } = await recorder.stop('');
      if (!error) break;
    }
    await turns(1);
  }
  const results = await Promise.all(recorders.map((one) => one.stop('')));
  const rows = results.reduce((sum, { stats }) => sum + stats.rows, 0);
  const samples = results.reduce((sum, { stats }) => sum + stats.samples, 0);
  expect(clock.pending, 'no timer is left').toBe(0);

  volume.faults = {};
  volume.forgetLocks();
  for (const folder of FOLDERS) {
    for (const { path, state, error } of await recoverFolder(folder, clock, volume)) {
      // What never reached the platter can be empty, or zeros; whether anything is missing shows below.
      if (state === 'unreadable')
        expect([path, error?.code]).toEqual([path, expect.stringMatching(/truncated|foreign/)]);
      else expect(state).toBe('finished');
    }
  }
  const [path = '', ...parts] = volume.paths.filter((name) => name.endsWith('.mcap'));
  await using recording = await openRecording(path, { disk: volume, parts });
  const found = await model.check(recording);
  expect(found.rows, 'what the recorders say is what is there').toBe(rows);
  if (!isSmall) expect(found.refused).toBe(0);
  expect(recording.info.missing).toBe('');
  const report = await verifyRecording(recording);
  expect(report.problems).toEqual([]);
  expect(report.samples).toBe(samples);
  return { failures, refused: found.refused, parts: recording.parts.length };
}

it('whatever fails, however often: all that was offered is in the files once, and what could not be held is said', async () => {
  const outcomes: Outcome[] = [];
  for (let seed = 1; seed <= 60; seed++) {
    const outcome = await run(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`);
    });
    outcomes.push(outcome);
  }
  const count = (isOne: (outcome: Outcome) => boolean): number => outcomes.filter(isOne).length;
  expect(
    count(({ failures }) => failures > 0),
    'runs with a failure',
  ).toBeGreaterThan(25);
  expect(
    count(({ failures }) => failures > 2),
    'runs with several',
  ).toBeGreaterThan(5);
  expect(
    count(({ refused }) => refused > 0),
    'runs in which rows were refused',
  ).toBeGreaterThan(2);
  expect(count(({ parts }) => parts > 4)).toBeGreaterThan(5);
}, 240_000);
