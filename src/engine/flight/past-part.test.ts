import { expect, it } from 'vitest';
import { compareRows, FLIGHT, FlightBench, RECORDINGS } from '../../../test/fixtures/flight-bench.ts';
import { MemoryVolume } from '../../../test/fixtures/memory-volume.ts';
import { ABOUT, systemError } from '../../../test/fixtures/recording-source.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { openRecorder } from '../recording/recorder.ts';
import type { Recorder } from '../recording/recorder-options.ts';
import { openRecording } from '../recording/recording.ts';
import { verifyRecording } from '../recording/verify.ts';
import { repairRecording } from '../shelf/repair.ts';
import { type Past, writePast } from './past-part.ts';

interface Begun {
  recorder: Recorder;
  past: Promise<Past>;
  startedNs: bigint;
}

/** Begins to record as the desk does, with so many seconds of the past. */
async function begin(bench: FlightBench, volume: MemoryVolume, seconds: number): Promise<Begun> {
  const startedNs = bench.clock.nowNs();
  const continues = { id: 'rec-test', startedNs, part: 2 };
  const options = { folder: RECORDINGS, name: 'run', clock: bench.clock, about: ABOUT, disk: volume, continues };
  const recorder = await openRecorder({ ...options, limits: { reserveBytes: 0 } });
  recorder.adopt({ parts: [{ part: 1, fromByte: 0 }], streams: [], items: [] });
  bench.fan.add(recorder, 'first');
  const liveStarts = bench.flight.ends;
  const past = bench.flight.settle().then((unsettled) =>
    writePast({
      unsettled,
      ring: bench.flight.ring,
      disk: volume,
      clock: bench.clock,
      folder: RECORDINGS,
      name: 'run',
      id: 'rec-test',
      startedNs,
      seconds,
      about: ABOUT,
      labels: { tags: ['test'], operator: 'someone' },
      liveStarts,
    }),
  );
  return { recorder, past, startedNs };
}

it('the past and the present join without a row twice or missing, whenever that is', async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const volume = new MemoryVolume();
    const random = seededRandom(100 + seed);
    await using bench = new FlightBench({ random, disk: volume });
    await bench.flight.start();
    await bench.run(20 + random.below(200) / 10, 20 + random.below(60));
    bench.flight.exchange({
      at: String(bench.clock.nowNs()),
      instrument: 'supply',
      direction: 'sent',
      text: '*IDN?',
      bytes: 6,
    });
    bench.flight.event({ id: 'e1', t: String(bench.clock.nowNs()), kind: 'note', text: 'just before' });
    await bench.run(1, 7);
    const seconds = 2 + random.below(15);
    const { recorder, past, startedNs } = await begin(bench, volume, seconds);
    await bench.run(3, 13);
    const { rows, fromNs, shortfall } = await past;
    expect(shortfall).toBe('');
    await recorder.stop('');
    const wantedNs = startedNs - BigInt(seconds) * 1_000_000_000n;
    // Regular rows come each 10 ms.
    expect(fromNs !== undefined && fromNs >= wantedNs && fromNs < wantedNs + 300_000_000n).toBe(true);

    await using recording = await openRecording(`${RECORDINGS}/run.mcap`, { disk: volume });
    expect(recording.parts.map(({ head }) => head.part)).toEqual([1, 2]);
    expect((await verifyRecording(recording)).problems).toEqual([]);
    expect(recording.info).toMatchObject({ complete: true, startedNs, operator: 'someone', tags: ['test'] });
    expect(recording.info.events.map(({ text }) => text)).toEqual(
      expect.arrayContaining([expect.stringContaining('from the flight recorder'), 'just before']),
    );
    expect(recording.parts[0]?.totals.get('exchanges')).toBe('1');
    // The bench sends in batches: what the recorder took last is what was sent last.
    const compared = await compareRows(recording, bench.keeper, wantedNs, bench.clock.nowNs() - 100_000_000n);
    expect(compared).toEqual({ rows: rows + recorder.stats.rows, before: 0 });
  }
});

it('less past than asked is what there is; none at all is no file, and no fault', async () => {
  const volume = new MemoryVolume();
  await using bench = new FlightBench({ random: seededRandom(20), disk: volume });
  await bench.flight.start();
  const early = await begin(bench, volume, 10);
  expect(await early.past).toEqual({
    path: undefined,
    rows: 0,
    fromNs: undefined,
    shortfall: 'The flight recorder held nothing of the 10 s before the start.',
  });
  await bench.run(2);
  await early.recorder.stop('');
  await using alone = await openRecording(`${RECORDINGS}/run-0002.mcap`, { disk: volume });
  expect(alone.info).toMatchObject({ complete: true, missing: '' });
  expect((await verifyRecording(alone)).problems).toEqual([]);

  const later = await begin(bench, volume, 3600);
  await bench.run(1);
  await later.recorder.stop('');
  const { fromNs, shortfall } = await later.past;
  expect(shortfall).toMatch(/^The 1 h before the start were asked for; the flight recorder held \d+ s\.$/);
  expect(fromNs !== undefined && fromNs < later.startedNs - 1_900_000_000n).toBe(true);
});

it('a disk that fails while the past is written leaves nothing of it, and the recording is whole', async () => {
  const volume = new MemoryVolume();
  await using bench = new FlightBench({ random: seededRandom(21), disk: volume });
  await bench.flight.start();
  await bench.run(10);
  const { recorder, past } = await begin(bench, volume, 5);
  volume.faults = {
    before: (call, path) => {
      if (call === 'write' && path.startsWith(`${RECORDINGS}/run.mcap`)) throw systemError('ENOSPC');
    },
  };
  await expect(past).rejects.toMatchObject({ code: 'recording.disk-full' });
  await bench.run(1);
  await recorder.stop('');
  expect(volume.paths.filter((path) => path.startsWith(RECORDINGS) && path.endsWith('.mcap'))).toEqual([
    `${RECORDINGS}/run-0002.mcap`,
  ]);
  await using recording = await openRecording(`${RECORDINGS}/run-0002.mcap`, { disk: volume });
  expect(recording.info.complete).toBe(true);
});

it('rows that came while the flight recorder was paused are a gap between the past and the present, and the recording is sound', async () => {
  const volume = new MemoryVolume();
  await using bench = new FlightBench({ random: seededRandom(22), disk: volume });
  await bench.flight.start();
  await bench.run(10);
  await bench.flight.settle();
  volume.faults = {
    before: (call, path) => {
      if ((call === 'write' || call === 'open') && path.startsWith(FLIGHT)) throw systemError('EIO');
    },
  };
  await bench.run(5);
  expect(bench.flight.state.state).toBe('paused');
  volume.faults = {};
  const liveStarts = bench.flight.ends;
  const { recorder, past } = await begin(bench, volume, 10);
  const { shortfall } = await past;
  const paused = 'The flight recorder is paused: what came since, and shortly before, is missing.';
  expect(shortfall).toBe(paused);
  await bench.run(1);
  await recorder.stop('');

  await using recording = await openRecording(`${RECORDINGS}/run.mcap`, { disk: volume });
  const daq = recording.streams.find(({ info }) => info.instrument === 'daq');
  const gap = recording.info.gaps.find(({ reason, stream }) => reason === paused && stream === daq?.info.key);
  expect(gap).toMatchObject({ epoch: daq?.info.epoch, seq: liveStarts.get(`${daq?.info.key}#${daq?.info.epoch}`) });
  expect(gap?.lost).toBeGreaterThan(300);
  expect(recording.info.lost).toBeGreaterThanOrEqual(gap?.lost ?? 0);
  expect((await verifyRecording(recording)).problems).toEqual([]);

  const { missing, paths } = await repairRecording(recording, { folder: '/repaired', disk: volume });
  expect(missing).toBe(0);
  await using repaired = await openRecording(paths[0] ?? '', { disk: volume });
  expect(repaired.info.lost).toBe(recording.info.lost);
  expect((await verifyRecording(repaired)).problems).toEqual([]);

  for (const event of recording.info.gaps) event.lost += 1;
  expect((await verifyRecording(recording)).problems.join()).toContain('declared lost');
});
