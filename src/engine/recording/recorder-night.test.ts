import { expect, it } from 'vitest';
import { MemoryVolume } from '../../../test/fixtures/memory-volume.ts';
import { type ModelKind, RecordingModel } from '../../../test/fixtures/recording-model.ts';
import { ABOUT, createTestClock, systemError } from '../../../test/fixtures/recording-source.ts';
import { delay } from '../../core/clock.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { openRecorder } from './recorder.ts';
import type { Recorder } from './recorder-options.ts';
import { openRecording } from './recording.ts';
import { recoverFolder } from './recovery.ts';
import { verifyRecording } from './verify.ts';

const KINDS: ModelKind[] = [
  { name: 'regular', kind: 'regular', columns: 4, isFloat64: false, stepNs: 10_000_000 },
  { name: 'timed', kind: 'timed', columns: 2, isFloat64: true, stepNs: 100_000_000 },
  { name: 'scope', kind: 'segment', columns: 1, isFloat64: false, stepNs: 2000 },
];
const REGULAR = 0;
const TIMED = 1;
const SCOPE = 2;
/** The whole night is the soak's. */
const HOURS = Number(process.env.LABWIRE_NIGHT_HOURS ?? 2);
const NIGHT_S = HOURS * 3600;
/** When the disk is full for 30 s. */
const FULL_S = [Math.round(NIGHT_S * 0.35), Math.round(NIGHT_S * 0.7)];

it(`${HOURS} h of a bench: every row sent is there once, in order, with its time; none is unaccounted for`, async () => {
  const random = seededRandom(8);
  const clock = createTestClock();
  const volume = new MemoryVolume();
  const model = new RecordingModel(random, KINDS);
  let isFull = false;
  let hiccups = 0;
  volume.faults = {
    before: async (call) => {
      if (isFull && (call === 'write' || call === 'open')) throw systemError('ENOSPC');
      // The drive wakes up, another program writes, the network is slow.
      if ((call === 'write' || call === 'sync') && random.next() < 0.008 / HOURS) {
        hiccups++;
        await delay(clock, random.below(20_000));
      }
    },
    takes: (bytes) => (random.next() < 0.01 ? 1 + random.below(bytes) : bytes),
  };
  const recorders: Recorder[] = [];
  const open = async (): Promise<Recorder> => {
    const last = recorders.at(-1);
    const continues = last && { id: last.id, startedNs: last.startedNs, part: last.stats.part + 1 };
    const limits = { partBytes: 1_000_000 * HOURS, partSeconds: 450 * HOURS, reserveBytes: 0 };
    const options = { folder: '/night', name: 'night', clock, about: ABOUT, limits, disk: volume, continues };
    const recorder = await openRecorder({ ...options, compression: 'lz4' });
    recorders.push(recorder);
    return recorder;
  };
  let recorder = await open();
  model.connect(recorder);
  let takeovers = 0;
  for (let second = 0; second < NIGHT_S; second++) {
    const what = random.next();
    if (what < 0.002) model.reopen(random.below(3));
    else if (what < 0.004) model.step(random.below(2), BigInt(random.below(4_000_000_000) - 2_000_000_000));
    if (what > 0.99) model.lose(REGULAR, 1 + random.below(3000), 100);
    else model.send(REGULAR, 100);
    if (what > 0.995) model.lose(TIMED, 1 + random.below(20), 10);
    else model.send(TIMED, 10);
    if (second % 60 === 59) model.send(SCOPE, 2000);
    if (random.next() < 0.01) model.note(random.next() < 0.5 ? 'note' : 'alarm', clock.nowNs());
    if (random.next() < 0.05) model.exchange(clock.nowNs());
    isFull = FULL_S.some((from) => second >= from && second < from + 30);
    if (recorder.state === 'failed' && !isFull) {
      const next = await open();
      next.adopt(recorder.takeUnwritten());
      recorder = next;
      model.connect(next);
      takeovers++;
    }
    await clock.advance(1000);
    // Packing happens on another thread.
    await new Promise((resolve) => setImmediate(resolve));
    // However busy the machine is, the disk is full until it is noticed.
    while (FULL_S.includes(second) && recorder.state === 'recording') {
      await clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  // A hiccup may last into the end, and the disk's time is the clock's.
  let isDone = false;
  const ending = Promise.all(recorders.map((one) => one.stop(''))).finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const results = await ending;
  expect(takeovers, 'the disk was full twice').toBe(2);
  expect(hiccups).toBeGreaterThan(10);

  // What a full disk did not even let be finished is finished at the next start.
  volume.faults = {};
  volume.forgetLocks();
  const recovered = await recoverFolder('/night', clock, volume);
  expect(recovered.map(({ state }) => state)).toEqual(['finished', 'finished']);
  const [path = '', ...parts] = volume.paths.filter((name) => !name.endsWith('.pyramid'));
  expect(parts.length, 'parts by size and by time').toBeGreaterThan(8);
  expect([path, ...parts].filter((name) => !name.endsWith('.mcap'))).toEqual([]);
  await using recording = await openRecording(path, { disk: volume, parts });
  expect(recording.info).toMatchObject({ complete: true, missing: '', interrupted: false });
  const found = await model.check(recording);
  expect(found).toEqual({ rows: model.rows, refused: 0 });
  expect(found.rows).toBeGreaterThan(NIGHT_S * 110);
  expect(recording.info.lost, 'what was lost is said').toBe(model.lost);
  expect(results.reduce((sum, { stats }) => sum + stats.rows, 0)).toBe(model.rows);
  expect(results.reduce((sum, { stats }) => sum + stats.lost, 0)).toBe(model.lost);
  const report = await verifyRecording(recording);
  expect(report.problems).toEqual([]);
  expect(report.lost).toBe(model.lost);
}, 240_000);
