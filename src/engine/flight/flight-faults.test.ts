import { expect, it } from 'vitest';
import { FLIGHT, FlightBench, RECORDINGS, turns } from '../../../test/fixtures/flight-bench.ts';
import { type DiskCall, MemoryVolume } from '../../../test/fixtures/memory-volume.ts';
import type { RowKeeper } from '../../../test/fixtures/recorded-run.ts';
import { systemError } from '../../../test/fixtures/recording-source.ts';
import { rowTimeNs } from '../../core/batch.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { openRecording, type Recording } from '../recording/recording.ts';
import { verifyRecording } from '../recording/verify.ts';

const SEEDS = 8;
const FAILING: DiskCall[] = ['write', 'sync', 'truncate', 'rename', 'stat', 'open', 'remove', 'text', 'free'];

interface Outcome {
  pauses: number;
  missing: number;
  rows: number;
}

/** Every row sent since the ring begins is there once, with its time and values, or in a gap that is declared. Gives how many are not there. */
async function account(recording: Recording, keeper: RowKeeper): Promise<{ rows: number; missing: number }> {
  const left = new Map([...keeper.byName()].map(([name, rows]) => [name, new Map(rows.map((row) => [row.row, row]))]));
  const names = new Map(recording.streams.map(({ info }) => [info.id, `${info.key} ${info.epoch}`]));
  let rows = 0;
  for await (const batch of recording.batches()) {
    const name = names.get(batch.stream) ?? '';
    for (let at = 0; at < batch.rows; at++) {
      const sent = left.get(name)?.get(batch.seq + at);
      if (!sent) throw new Error(`row ${batch.seq + at} of ${name} is there twice, or was never sent`);
      left.get(name)?.delete(batch.seq + at);
      if (rowTimeNs(batch, at) !== sent.timeNs) throw new Error(`row ${batch.seq + at} of ${name}: wrong time`);
      if (batch.columns.some((column, index) => !Object.is(column[at], sent.values[index]))) {
        throw new Error(`row ${batch.seq + at} of ${name}: wrong values`);
      }
      rows++;
    }
  }
  let missing = 0;
  for (const { info, endRow } of recording.streams) {
    const name = `${info.key} ${info.epoch}`;
    const gaps = recording.info.gaps.filter((gap) => gap.stream === info.key && gap.epoch === info.epoch);
    for (const row of left.get(name)?.keys() ?? []) {
      if (row >= endRow) continue;
      missing++;
      if (gaps.some(({ seq, lost }) => row < seq && row >= seq - lost)) continue;
      throw new Error(`row ${row} of ${name} is not there, and no gap says so`);
    }
  }
  return { rows, missing };
}

async function run(seed: number): Promise<Outcome> {
  const random = seededRandom(seed);
  const volume = new MemoryVolume();
  const failing = new Set(FAILING.filter(() => random.next() < 0.4));
  const rate = random.next() < 0.5 ? 0.003 : 0.02;
  let isSick = true;
  let lastingUntil = 0;
  const limits = {
    partBytes: 30_000 + random.below(60_000),
    queueBytes: random.next() < 0.4 ? 20_000 : 10_000_000,
    recorder: { chunkBytes: 2000 + random.below(6000), syncBytes: 4000 + random.below(30_000) },
  };
  let bench = new FlightBench({ random, disk: volume, limits });
  volume.faults = {
    before: async (call, path) => {
      if (!isSick) return;
      if (random.next() < 0.1) await turns(1 + random.below(call === 'sync' ? 20 : 2));
      if (!failing.has(call) || !path.startsWith(FLIGHT)) return;
      const nowMs = bench.clock.monotonicMs();
      if (nowMs >= lastingUntil && random.next() >= rate) return;
      if (random.next() < 0.3) lastingUntil = nowMs + random.below(30_000);
      throw systemError(random.next() < 0.5 ? 'EIO' : 'ENOSPC');
    },
    takes: (bytes) => (random.next() < 0.2 ? 1 + random.below(bytes) : bytes),
    losesUnsynced: () => random.next() < 0.5,
  };
  await bench.flight.start();
  let pauses = 0;
  let was = '';
  for (let step = 0; step < 40; step++) {
    await bench.run(1 + random.below(5), 100);
    if (bench.flight.state.state === 'paused' && was !== 'paused') pauses++;
    was = bench.flight.state.state;
    const what = random.next();
    if (what < 0.03) {
      bench.settings.flight = !bench.settings.flight;
      void bench.flight.apply();
    } else if (what < 0.06) {
      isSick = false;
      await bench[Symbol.asyncDispose]();
      const { clock, keeper, lastEpoch, settings } = bench;
      bench = new FlightBench({ random, disk: volume, limits, clock, keeper, lastEpoch, settings });
      await bench.flight.start();
      isSick = true;
    } else if (what < 0.09) await bench.flight.settle();
  }
  isSick = false;
  bench.settings.flight = true;
  await bench.flight.apply();
  // Longer than the longest wait for the next try.
  await bench.run(70, 500);
  expect(bench.flight.state).toMatchObject({ state: 'recording', reason: '' });
  await bench.save(1000);
  await bench[Symbol.asyncDispose]();
  expect(bench.clock.pending, 'no timer is left').toBe(0);
  volume.faults = {};

  const head = volume.paths.find((path) => path === `${RECORDINGS}/last 1000 min.mcap`) ?? '';
  await using recording = await openRecording(head, { disk: volume });
  const { problems } = await verifyRecording(recording);
  // A file that was cut off and not gone on with says so; nothing else is wrong.
  expect(problems.filter((problem) => problem !== recording.info.missing).join('\n')).toEqual('');
  return { pauses, ...(await account(recording, bench.keeper)) };
}

it('whatever fails, however often: what is there is true, and what is not is declared', async () => {
  const all = { pauses: 0, missing: 0, rows: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = await run(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`);
    });
    all.pauses += outcome.pauses;
    all.missing += outcome.missing;
    all.rows += outcome.rows;
  }
  expect(all.pauses).toBeGreaterThan(SEEDS / 2);
  expect(all.missing).toBeGreaterThan(1000);
  expect(all.rows).toBeGreaterThan(30_000);
});
