import { expect, it } from 'vitest';
import { FLIGHT, FlightBench, RECORDINGS, turns } from '../../../test/fixtures/flight-bench.ts';
import { MemoryVolume } from '../../../test/fixtures/memory-volume.ts';
import { systemError } from '../../../test/fixtures/recording-source.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { openRecording } from '../recording/recording.ts';
import { verifyRecording } from '../recording/verify.ts';
import { FlightShelf } from './flight-shelf.ts';

interface Case {
  bench: FlightBench;
  volume: MemoryVolume;
  /** At every call, or only where a file is made. */
  hang(where?: 'making'): void;
  release(): void;
}

/** A flight recorder that runs, on a disk that hangs when it is told to: no call to its folder comes back then. */
async function running(seed: number): Promise<Case> {
  const volume = new MemoryVolume();
  const limits = { closeMs: 10_000, recorder: { chunkBytes: 4000 } };
  const bench = new FlightBench({ random: seededRandom(seed), disk: volume, limits });
  await bench.flight.start();
  await bench.run(20);
  let release = (): void => undefined;
  return {
    bench,
    volume,
    hang(where) {
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      volume.faults = {
        before: (call, path) => {
          const isMade = call === 'open' && path.endsWith('.part');
          return path.startsWith(FLIGHT) && (isMade || where === undefined) ? held : undefined;
        },
      };
    },
    release() {
      volume.faults = {};
      release();
    },
  };
}

/** Lets so many seconds pass; gives whether the work was done then. */
async function doneWithin(seconds: number, { bench }: Case, work: Promise<unknown>): Promise<boolean> {
  let isDone = false;
  void work.then(() => {
    isDone = true;
  });
  for (let second = 0; second <= seconds && !isDone; second++) {
    await turns();
    await bench.clock.advance(1000);
  }
  await turns();
  return isDone;
}

it('a disk that hangs at every call holds up the end of the program no longer than 10 s', async () => {
  const place = await running(21);
  place.hang();
  // Longer than it looks after its files: that hangs, too.
  await place.bench.run(5, 100, false);
  expect(await doneWithin(10, place, place.bench[Symbol.asyncDispose]())).toBe(true);
  place.release();
  await turns();
});

it('nor do screens that look into its files', async () => {
  const place = await running(24);
  const { bench, volume } = place;
  await bench.flight.settle();
  const shelf = new FlightShelf(bench.flight, volume, bench.clock);
  const toNs = bench.clock.nowNs();
  place.hang();
  let isRead = false;
  void shelf
    .read(0n, toNs, async () => undefined)
    .then(() => {
      isRead = true;
    });
  expect(await doneWithin(10, place, shelf[Symbol.asyncDispose]())).toBe(true);
  expect(isRead).toBe(false);
  place.release();
  await turns();
  await bench[Symbol.asyncDispose]();
});

it.each([['before'], ['while'], ['broken before']])(
  'nor does it hold up switching it off; every row of that time is declared (the disk comes back %s it is switched on)',
  async (when) => {
    const place = await running(22);
    const { bench, volume } = place;
    place.hang();
    await bench.run(5, 100, false);
    bench.settings.flight = false;
    expect(await doneWithin(10, place, bench.flight.apply())).toBe(true);
    expect(bench.flight.state.state).toBe('off');
    await bench.run(5, 100, false);
    if (when !== 'while') {
      place.release();
      if (when !== 'before') {
        volume.faults = {
          before: (call) => {
            if (call === 'write' || call === 'sync' || call === 'truncate') throw systemError('EIO');
          },
          losesUnsynced: () => true,
        };
      }
      await turns();
      volume.faults = {};
    }
    bench.settings.flight = true;
    const applied = bench.flight.apply();
    await bench.run(3, 100, false);
    place.release();
    await applied;
    await bench.run(90, 500);
    expect(bench.flight.state).toMatchObject({ state: 'recording', reason: '' });
    await bench.save(60);
    const head = volume.paths.find((path) => path.startsWith(RECORDINGS) && path.endsWith('min.mcap')) ?? '';
    await using recording = await openRecording(head, { disk: volume });
    const report = await verifyRecording(recording);
    expect(report.problems).toEqual([]);
    // What was lost before it came, and what is not in the files: all of it is counted, nothing twice.
    const lostBySource = bench.keeper.gaps.reduce((sum, { lost }) => sum + lost, 0);
    const sent = [...bench.keeper.rows.values()].reduce((sum, rows) => sum + rows.length, 0);
    const rows = recording.streams.reduce((sum, stream) => sum + stream.rows, 0);
    expect(report.lost).toBe(lostBySource + sent - rows);
    expect(rows).toBeLessThan(sent);
    await bench[Symbol.asyncDispose]();
    expect(bench.clock.pending).toBe(0);
  },
);

it.each([[undefined], ['making']] as const)(
  'a disk that hangs while it is opened (%s) and comes back when it is off leaves no file of its own',
  async (where) => {
    const place = await running(23);
    const { bench, volume } = place;
    bench.settings.flight = false;
    await bench.flight.apply();
    const before = volume.paths;
    bench.settings.flight = true;
    place.hang(where);
    const opening = bench.flight.apply();
    await turns();
    bench.settings.flight = false;
    expect(await doneWithin(10, place, bench.flight.apply())).toBe(true);
    place.release();
    await opening;
    await bench.run(3);
    expect([bench.flight.state.state, volume.paths]).toEqual(['off', before]);
    await bench[Symbol.asyncDispose]();
  },
);
