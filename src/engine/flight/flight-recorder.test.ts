import { expect, it } from 'vitest';
import { compareRows, FLIGHT, FlightBench, RECORDINGS, turns } from '../../../test/fixtures/flight-bench.ts';
import { MemoryVolume } from '../../../test/fixtures/memory-volume.ts';
import { systemError } from '../../../test/fixtures/recording-source.ts';
import { ManualClock } from '../../core/clock.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { openLibrary } from '../recording/library.ts';
import { openRecording } from '../recording/recording.ts';
import { verifyRecording } from '../recording/verify.ts';

/** The first part of what was saved last. */
function savedHead(volume: MemoryVolume): string {
  return finishedFiles(volume, RECORDINGS).findLast((path) => !/-\d{4}\.mcap$/.test(path)) ?? '';
}

function finishedFiles(volume: MemoryVolume, folder = FLIGHT): string[] {
  return volume.paths.filter((path) => path.startsWith(`${folder}/`) && path.endsWith('.mcap'));
}

it('keeps no more than so many bytes, the file being written included, and lets the oldest go first', async () => {
  const volume = new MemoryVolume();
  const limits = { recorder: { flushMs: 5000 } };
  // A file is a sixteenth of what may be kept.
  const settings = { flightBytes: 1_600_000 };
  await using bench = new FlightBench({ random: seededRandom(1), disk: volume, settings, limits });
  await bench.flight.start();
  let most = 0;
  for (let minute = 0; minute < 25; minute++) {
    await bench.run(60, 2000);
    await bench.flight.apply();
    most = Math.max(most, bench.flight.state.bytes);
  }
  expect(most).toBeGreaterThan(1_200_000);
  expect(most).toBeLessThanOrEqual(1_600_000);
  const parts = bench.flight.ring.parts;
  expect(parts.length).toBeGreaterThan(3);
  expect(parts[0]?.part).toBeGreaterThan(2);
  expect(parts.map(({ part }) => part)).toEqual(parts.map((_, index) => (parts[0]?.part ?? 0) + index));
  expect(finishedFiles(volume)).toHaveLength(parts.length);
  expect(bench.flight.state).toMatchObject({
    state: 'recording',
    limitBytes: 1_600_000,
    fromNs: String(parts[0]?.fromNs),
  });
});

it('keeps no more than so many hours, and takes a new limit at once', async () => {
  const volume = new MemoryVolume();
  const limits = { recorder: { flushMs: 10_000 } };
  await using bench = new FlightBench({
    random: seededRandom(2),
    disk: volume,
    settings: { flightHours: 1 },
    limits,
    rateHz: 10,
  });
  await bench.flight.start();
  await bench.run(2.2 * 3600, 10_000);
  await bench.flight.ring.idle();
  const hour = 3_600_000_000_000n;
  const quarter = hour / 16n + 10_000_000_000n;
  const oldest = bench.flight.ring.parts[0];
  const nowNs = bench.clock.nowNs();
  expect(oldest && nowNs - oldest.toNs < hour).toBe(true);
  // Not more than a file too much has gone.
  expect(oldest && nowNs - oldest.fromNs > hour - quarter).toBe(true);

  bench.settings.flightHours = 0.25;
  await bench.flight.apply();
  expect(bench.flight.ring.parts.every(({ toNs }) => nowNs - toNs <= hour / 4n)).toBe(true);
  expect(finishedFiles(volume)).toHaveLength(bench.flight.ring.parts.length);
});

it('an engine that begins again goes on with the files of before; what a crash cut off is finished', async () => {
  const volume = new MemoryVolume();
  const random = seededRandom(3);
  const first = new FlightBench({ random, disk: volume });
  await first.flight.start();
  await first.run(30);
  await first.flight.settle();
  await first.run(30);
  // No end: the process is gone, and with it its lock.
  await turns();
  volume.forgetLocks();
  const { keeper, lastEpoch } = first;
  const clock = new ManualClock(first.clock.nowNs());
  await using second = new FlightBench({ random, disk: volume, clock, keeper, lastEpoch });
  await second.flight.start();
  expect(second.flight.ring.parts.map(({ part }) => part)).toEqual([1, 2]);
  await second.run(30);
  await second.flight.settle();
  expect(second.flight.ring.parts.map(({ part }) => part)).toEqual([1, 2, 3]);
  expect(new Set(second.flight.ring.parts.map(({ recording }) => recording)).size).toBe(1);
  expect(second.flight.ring.id).toMatch(/^flight-/);
});

it('a disk that fails pauses it; it tries again, goes on in a new file, and says what it lacks', async () => {
  const volume = new MemoryVolume();
  const limits = { queueBytes: 100_000 };
  await using bench = new FlightBench({ random: seededRandom(4), disk: volume, limits });
  await bench.flight.start();
  await bench.run(10);
  const fromNs = bench.clock.nowNs();
  volume.faults = {
    before: (call) => {
      if (call === 'write') throw systemError('EIO');
    },
  };
  await bench.run(5);
  expect(bench.flight.state).toMatchObject({ state: 'paused', reason: expect.stringContaining('EIO') });
  expect(bench.told).toEqual([bench.flight.state.reason]);
  await bench.run(60);
  volume.faults = {};
  await bench.run(70);
  expect(bench.flight.state).toMatchObject({ state: 'recording', reason: '' });
  expect(bench.told).toEqual([expect.stringContaining('EIO'), 'The flight recorder goes on.']);

  await bench.save(60);
  await using recording = await openRecording(savedHead(volume), { disk: volume });
  const report = await verifyRecording(recording);
  expect(report.problems).toEqual([]);
  // What its queue could not hold is declared, row by row.
  const missing = recording.info.gaps.filter(({ reason }) => reason.includes('could not be held'));
  expect(missing.length).toBeGreaterThan(0);
  expect(missing.every((gap) => gap.fromNs >= fromNs)).toBe(true);
  const lostBySource = bench.keeper.gaps.reduce((sum, { lost }) => sum + lost, 0);
  let rows = 0;
  for (const stream of bench.keeper.rows.values()) rows += stream.length;
  expect(report.lost).toBe(lostBySource + rows - recording.streams.reduce((sum, stream) => sum + stream.rows, 0));
});

it('a disk that cannot keep up: it drops out, and in again', async () => {
  const volume = new MemoryVolume();
  const limits = { queueBytes: 50_000, recorder: { chunkBytes: 4000 } };
  await using bench = new FlightBench({ random: seededRandom(5), disk: volume, limits });
  await bench.flight.start();
  await bench.run(5);
  let release = (): void => undefined;
  const stuck = new Promise<void>((resolve) => {
    release = resolve;
  });
  volume.faults = { before: (call) => (call === 'sync' ? stuck : undefined) };
  await bench.run(60);
  expect(bench.flight.state).toMatchObject({ state: 'paused', reason: expect.stringContaining('cannot keep up') });
  volume.faults = {};
  release();
  await turns();
  await bench.run(30);
  expect(bench.flight.state.state).toBe('recording');
  await bench.save(60);
  await using recording = await openRecording(savedHead(volume), { disk: volume });
  expect((await verifyRecording(recording)).problems).toEqual([]);
});

it('what is saved while the disk hangs says that the last of it is missing', async () => {
  const volume = new MemoryVolume();
  const limits = { closeMs: 1000 };
  await using bench = new FlightBench({ random: seededRandom(9), disk: volume, limits });
  await bench.flight.start();
  await bench.run(20);
  await bench.flight.settle();
  await bench.run(5);
  let release = (): void => undefined;
  const stuck = new Promise<void>((resolve) => {
    release = resolve;
  });
  volume.faults = { before: (call, path) => (call === 'sync' && path.startsWith(FLIGHT) ? stuck : undefined) };
  const saving = bench.save(0.5);
  for (let second = 0; second < 5; second++) {
    await turns();
    await bench.clock.advance(1000);
  }
  const { shortfall } = await saving;
  expect(shortfall).toMatch(/^The last 30 s were asked for; .* had not finished the last file within 1 s/);
  release();
  volume.faults = {};
});

it('gives way when the disk gets full: the oldest files go, then it pauses, and comes back when there is space', async () => {
  const volume = new MemoryVolume();
  const settings = { flightBytes: 4_000_000, diskReserveBytes: 1_000_000 };
  const limits = { partBytes: 1 << 18, headroomBytes: 2_000_000, recorder: { flushMs: 5000 } };
  await using bench = new FlightBench({ random: seededRandom(6), disk: volume, settings, limits });
  // What it has taken comes back when it lets go.
  let others = 0;
  Object.defineProperty(volume, 'freeSpace', { get: () => 30_000_000 - others - bench.flight.state.bytes });
  await bench.flight.start();
  await bench.run(1200, 3000);
  await bench.flight.settle();
  const before = bench.flight.ring.parts.length;
  expect(before).toBeGreaterThan(3);

  others = 27_500_000 - bench.flight.state.bytes;
  await bench.run(5, 1000);
  expect(bench.flight.state.state).toBe('recording');
  expect(bench.flight.ring.parts.length).toBeLessThan(before);
  expect(volume.freeSpace).toBeGreaterThanOrEqual(3_000_000);

  others = 29_000_000;
  await bench.run(10, 1000);
  expect(bench.flight.state).toMatchObject({
    state: 'paused',
    bytes: 0,
    reason: expect.stringContaining('almost full'),
  });
  expect(finishedFiles(volume)).toEqual([]);

  others = 0;
  await bench.run(130, 1000);
  expect(bench.flight.state.state).toBe('recording');
});

it('switched off it writes nothing and keeps what it has; a start with it off removes that', async () => {
  const volume = new MemoryVolume();
  const random = seededRandom(7);
  const first = new FlightBench({ random, disk: volume });
  await first.flight.start();
  await first.run(20);
  first.settings.flight = false;
  await first.flight.apply();
  expect(first.flight.state).toMatchObject({ state: 'off', reason: '' });
  const size = first.flight.state.bytes;
  await first.run(20);
  expect(first.flight.state.bytes).toBe(size);
  first.settings.flight = true;
  await first.flight.apply();
  await first.run(20);
  const saved = await first.save(5);
  await using recording = await openRecording(savedHead(volume), { disk: volume });
  expect((await verifyRecording(recording)).problems).toEqual([]);
  expect(recording.info.gaps.map(({ reason }) => reason)).toContain('The flight recorder was off');
  expect(recording.info.id).toBe(saved.id);
  await first[Symbol.asyncDispose]();

  const settings = { flight: false };
  await using second = new FlightBench({ random, disk: volume, clock: first.clock, settings });
  await second.flight.start();
  expect(finishedFiles(volume)).toEqual([]);
  expect(second.flight.state).toMatchObject({ state: 'off', bytes: 0, fromNs: null });
});

it('a night of 8 h: each row that was sent in the last minutes is in what is saved, whenever that is', async () => {
  const volume = new MemoryVolume();
  const random = seededRandom(8);
  const limits = { recorder: { flushMs: 20_000, chunkBytes: 64_000 } };
  const options = { random, disk: volume, settings: { flightHours: 2 }, limits, rateHz: 5 };
  let bench = new FlightBench(options);
  await bench.flight.start();
  const library = await openLibrary({ folder: () => RECORDINGS, clock: bench.clock, disk: volume });
  let saves = 0;
  for (let quarter = 0; quarter < 32; quarter++) {
    await bench.run(900, 4000);
    if (random.next() < 0.25) {
      // The engine ends and begins again.
      await bench[Symbol.asyncDispose]();
      const { clock, keeper, lastEpoch } = bench;
      bench = new FlightBench({ ...options, clock, keeper, lastEpoch });
      await bench.flight.start();
    }
    if (random.next() > 0.4) continue;
    // No more than there has been.
    const minutes = 1 + random.below(Math.min(110, (quarter + 1) * 15));
    const before = new Set(finishedFiles(volume, RECORDINGS));
    const toNs = bench.clock.nowNs();
    const { id, fromNs, shortfall } = await bench.save(minutes);
    const made = finishedFiles(volume, RECORDINGS).filter((path) => !before.has(path));
    expect(made.length).toBeGreaterThan(0);
    await using recording = await library.open(id);
    expect(recording.info.complete, recording.info.missing).toBe(true);
    expect((await verifyRecording(recording)).problems).toEqual([]);
    const compared = await compareRows(recording, bench.keeper, fromNs, toNs);
    expect(compared.rows).toBeGreaterThan(minutes * 60 * 4);
    expect(shortfall === '' ? fromNs : 0n).toBe(shortfall === '' ? toNs - BigInt(minutes) * 60_000_000_000n : 0n);
    saves++;
  }
  expect(saves).toBeGreaterThan(5);
  expect((await library.list()).map(({ state }) => state)).toEqual(new Array(saves).fill('complete'));
  await bench[Symbol.asyncDispose]();
  await library[Symbol.asyncDispose]();
  expect(bench.clock.pending).toBe(0);
}, 300_000);
