import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KeptRow, type RecordedRun, RowKeeper, recordRun } from '../../../test/fixtures/recorded-run.ts';
import { ABOUT, createTestClock, STREAMED, streamedBatch } from '../../../test/fixtures/recording-source.ts';
import { ManualClock } from '../../core/clock.ts';
import { type SeededRandom, seededRandom } from '../../core/seeded-random.ts';
import { openRecorder } from '../recording/recorder.ts';
import { openRecording, type Recording } from '../recording/recording.ts';
import { ReplayDeck } from './replay-deck.ts';
import { ReplayStage } from './replay-stage.ts';

let folder: string;
let run: RecordedRun;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-replay-'));
  run = await recordRun(folder, { seed: 1 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Stand extends AsyncDisposable {
  recording: Recording;
  stage: ReplayStage;
  deck: ReplayDeck;
  damaged: string[];
  /** What came since the last `begin`; it checks that no row is later than the position. */
  kept: RowKeeper;
  /** Streams whose rows are kept from the next `begin` on. */
  isKept: RowKeeper['isKept'];
  positionNs: bigint;
  begin(atNs: bigint): Promise<void>;
  /** Gives rows up to a time, reading what is needed. */
  to(untilNs: bigint): Promise<void>;
}

async function stand(path: string, aheadBytes = 50_000): Promise<Stand> {
  const recording = await openRecording(path);
  const stage = new ReplayStage({
    firstStream: 5000,
    clock: new ManualClock(),
    historyBytes: 64 << 20,
    channelOf: () => undefined,
    rules: () => [],
    changed: () => {},
  });
  const damaged: string[] = [];
  const deck = new ReplayDeck(recording, stage, (error) => damaged.push(error.message), { aheadBytes });
  let adding: Disposable | undefined;
  const it: Stand = {
    recording,
    stage,
    deck,
    damaged,
    kept: new RowKeeper(),
    isKept: () => true,
    positionNs: 0n,
    async begin(atNs) {
      adding?.[Symbol.dispose]();
      it.kept = new RowKeeper();
      it.kept.isKept = it.isKept;
      it.kept.onRow = (timeNs) => {
        // At the end all is given, also what a clock that was set back left behind.
        if (timeNs > it.positionNs && it.positionNs < deck.toNs)
          throw new Error(`a row at ${timeNs}, at position ${it.positionNs}`);
      };
      await deck.restart(atNs);
      adding = stage.fan.add(it.kept);
      it.positionNs = atNs;
      deck.advance(atNs);
    },
    async to(untilNs) {
      while (it.positionNs < untilNs) {
        const loadedNs = await deck.load(untilNs);
        expect(loadedNs > it.positionNs || loadedNs >= untilNs, 'some of it is read each time').toBe(true);
        it.positionNs = loadedNs < untilNs ? loadedNs : untilNs;
        deck.advance(it.positionNs);
      }
    },
    async [Symbol.asyncDispose]() {
      await deck[Symbol.asyncDispose]();
      stage[Symbol.dispose]();
      await recording[Symbol.asyncDispose]();
    },
  };
  return it;
}

/** Times of regular rows are rounded where a batch is cut: to the nanosecond. */
function expectSame(got: KeptRow[], expected: KeptRow[]): void {
  expect(got).toHaveLength(expected.length);
  // No expect() of a row that is right: hundreds of thousands are looked at.
  for (const [index, found] of got.entries()) {
    const wanted = expected[index] as KeptRow;
    const offNs = found.timeNs - wanted.timeNs;
    const isSame = found.row === wanted.row && found.values.every((value, at) => Object.is(value, wanted.values[at]));
    if (!isSame || offNs > 1n || offNs < -1n) expect(found).toEqual(wanted);
  }
}

const isScope = (name: string): boolean => name.startsWith('scope/');

function randomTime(random: SeededRandom, { fromNs, toNs }: ReplayDeck): bigint {
  return fromNs + BigInt(Math.round(random.next() * Number(toNs - fromNs)));
}

describe('a recording of several streams', () => {
  test('was made as meant', () => {
    const names = [...run.kept.byName()].map(([name, rows]) => [name.split(' ')[0], rows.length > 0]);
    expect(names).toEqual([
      ['daq/samples', true],
      ['scope/waveform', true],
      ['supply/polled', true],
      ['supply/polled', true],
    ]);
    expect(run.kept.gaps.some(({ lost }) => lost > 0)).toBe(true);
    expect(run.kept.gaps.some(({ reason }) => reason === 'asked too slowly')).toBe(true);
  });

  test.each([1, 2, 3, 4, 5, 6])(
    'seeded %d: in steps of any size all rows come, once, in order, in their epochs, never too early',
    async (seed) => {
      const random = seededRandom(seed);
      await using it = await stand(run.path, [0, 2000, 50_000, 16 << 20][seed % 4]);
      await it.begin(it.deck.fromNs);
      while (it.positionNs < it.deck.toNs) {
        const stepNs = BigInt(1 + random.below(10 ** (3 + random.below(7))));
        const next = it.positionNs + stepNs;
        await it.to(next < it.deck.toNs ? next : it.deck.toNs);
        // None of those that are due waits.
        for (const [name, rows] of it.kept.byName()) {
          const due = (run.kept.byName().get(name) ?? [])[rows.length];
          if (due && !isScope(name)) expect(due.timeNs > it.positionNs - 2n).toBe(true);
        }
      }
      const got = it.kept.byName();
      const expected = run.kept.byName();
      expect([...got.keys()].sort()).toEqual([...expected.keys()].sort());
      for (const [name, rows] of expected) expectSame(got.get(name) ?? [], rows);
      const told = it.kept.gaps.map(({ stream, ...gap }) => ({ key: it.kept.infos.get(stream)?.key, ...gap }));
      const made = run.kept.gaps.map(({ stream, ...gap }) => ({ key: run.kept.infos.get(stream)?.key, ...gap }));
      const order = (a: { seq: number }, b: { seq: number }): number => a.seq - b.seq;
      expect(told.sort(order)).toEqual(made.sort(order));
      expect(
        [...it.kept.infos.keys()].every((id) => id >= 5000),
        'numbers of their own',
      ).toBe(true);
    },
  );

  test.each([1, 2, 3, 4])(
    'seeded %d: from any place on, with the row that holds there, as streams of another number and epoch',
    async (seed) => {
      const random = seededRandom(100 + seed);
      await using it = await stand(run.path);
      it.isKept = ({ key }) => !isScope(key);
      const seen = new Set<string>();
      /** Rows of a key in the order of the recording. */
      const recorded = new Map<string, KeptRow[]>();
      for (const [name, rows] of run.kept.byName()) {
        const [key = ''] = name.split(' ');
        recorded.set(key, [...(recorded.get(key) ?? []), ...rows]);
      }
      for (let round = 0; round < 25; round++) {
        const at = round === 0 ? it.deck.fromNs : round === 1 ? it.deck.toNs : randomTime(random, it.deck);
        await it.begin(at);
        const until = at + BigInt(random.below(400_000_000));
        await it.to(until < it.deck.toNs ? until : it.deck.toNs);
        for (const { id, key, epoch } of it.stage.streams) {
          expect(seen.has(`${id}`)).toBe(false);
          expect(seen.has(`${key} ${epoch}`)).toBe(false);
          for (const name of [`${id}`, `${key} ${epoch}`]) seen.add(name);
          const rows = it.kept.rows.get(id) ?? [];
          if (key.startsWith('scope/')) continue;
          // From the one that holds at the place on.
          const all = recorded.get(key) ?? [];
          const laterNs = at + 1n;
          const first = Math.max(
            0,
            all.findLastIndex(({ timeNs }) => timeNs <= laterNs),
          );
          const ofKey = it.stage.streams
            .filter((stream) => stream.key === key)
            .flatMap((stream) => it.kept.rows.get(stream.id) ?? []);
          const due = all.slice(first).filter(({ timeNs }) => timeNs <= it.positionNs);
          expect(
            Math.abs(ofKey.length - due.length),
            'a row within the nanosecond may be either side',
          ).toBeLessThanOrEqual(1);
          expectSame(ofKey.slice(0, due.length), due.slice(0, ofKey.length));
          expect(rows.length).toBeLessThanOrEqual(ofKey.length);
        }
      }
    },
  );

  test('a waveform comes whole once it is complete; from a place after it, too', async () => {
    await using it = await stand(run.path);
    const expected = [...run.kept.byName()].find(([name]) => isScope(name))?.[1] ?? [];
    await it.begin(it.deck.fromNs);
    await it.to(it.deck.toNs);
    const id = it.stage.streams.find(({ key }) => key === 'scope/waveform')?.id ?? 0;
    expect(it.stage.history.segmentStream(id)?.segments.map(({ rows }) => rows)).toEqual(
      Array(expected.length / 70_000).fill(70_000),
    );
    const secondNs = expected[70_000]?.timeNs ?? 0n;
    await it.begin(secondNs + 100_000_000n);
    const again = it.stage.streams.find(({ key }) => key === 'scope/waveform')?.id ?? 0;
    expect(it.stage.history.segmentStream(again)?.latest).toMatchObject({ number: 70_000, rows: 70_000 });
  });

  test('steps go by the rows of the fastest stream that runs', async () => {
    await using it = await stand(run.path);
    const times =
      [...run.kept.byName()].find(([name]) => name.startsWith('daq/'))?.[1].map(({ timeNs }) => timeNs) ?? [];
    await it.begin(it.deck.fromNs);
    const random = seededRandom(9);
    for (let round = 0; round < 200; round++) {
      const at = randomTime(random, it.deck);
      const next = times.find((timeNs) => timeNs > at);
      const last = times.findLast((timeNs) => timeNs < at);
      if (next !== undefined && at > (times[0] ?? 0n)) expect(await it.deck.neighbour(at, 1)).toBe(next);
      if (last !== undefined && next !== undefined) expect(await it.deck.neighbour(at, -1)).toBe(last);
    }
    expect(await it.deck.neighbour(it.deck.toNs, 1)).toBeUndefined();
    expect(await it.deck.neighbour(it.deck.fromNs, -1)).toBeUndefined();
  });

  test('memory: what is read ahead stays within its bound and one chunk', async () => {
    await using it = await stand(run.path, 100_000);
    await it.begin(it.deck.fromNs);
    const loaded = await it.deck.load(it.deck.toNs);
    expect(loaded < it.deck.toNs).toBe(true);
  });
});

test('a damaged stretch: its rows are left out and are a gap, all others come', async () => {
  const damaged = await recordRun(folder, { seed: 2, seconds: 3 });
  let lost: { key: string; firstRow: number; endRow: number }[] = [];
  {
    await using recording = await openRecording(damaged.path);
    const part = recording.parts[0];
    const chunks = [...(part?.chunks ?? [])];
    const chunk = chunks[Math.floor(chunks.length / 2)];
    if (!part || !chunk) throw new Error('no chunk');
    lost = chunk.streams.map(({ channel, firstRow, endRow }) => {
      const number = recording.numberOf(part, channel);
      const info = recording.streams.find((stream) => stream.info.id === number)?.info;
      return { key: `${info?.key} ${info?.epoch}`, firstRow, endRow };
    });
    await using file = await open(damaged.path, 'r+');
    await file.write(Uint8Array.of(0xff, 0x55), 0, 2, chunk.offset + chunk.length - 50);
  }
  expect(lost.some(({ key }) => key.startsWith('daq/samples '))).toBe(true);
  await using it = await stand(damaged.path);
  await it.begin(it.deck.fromNs);
  await it.to(it.deck.toNs);
  expect(it.damaged).toHaveLength(1);
  const got = it.kept.byName();
  for (const [name, rows] of damaged.kept.byName()) {
    const gone = lost.find(({ key }) => key === name);
    const isGone = ({ row }: KeptRow): boolean => gone !== undefined && row >= gone.firstRow && row < gone.endRow;
    expectSame(
      got.get(name) ?? [],
      rows.filter((row) => !isGone(row)),
    );
  }
  const daq = lost.find(({ key }) => key.startsWith('daq/samples '));
  const gap = it.kept.gaps.find(
    ({ seq, stream }) => seq === daq?.endRow && it.kept.infos.get(stream)?.key === 'daq/samples',
  );
  expect(gap?.reason).toContain('cannot be read');
});

describe('a clock that was set back within a stream', () => {
  /** 60 batches of 20 ms; from one of them on 300 ms earlier. */
  async function record(back: number): Promise<{ path: string; rows: KeptRow[] }> {
    const kept = new RowKeeper();
    const recorder = await openRecorder({
      folder,
      name: `set back ${back}`,
      clock: createTestClock(),
      about: ABOUT,
      limits: { chunkBytes: 8000, reserveBytes: 0 },
    });
    for (const sink of [recorder, kept]) sink.streamOpened(STREAMED);
    for (let index = 0; index < 60; index++) {
      const batch = streamedBatch(index * 200 + (index < back ? 0 : 7), 200, index === back ? 7 : 0);
      if (index >= back) batch.t0Ns -= 300_000_000n;
      new DataView(batch.buffer).setBigInt64(40, batch.t0Ns, true);
      for (const sink of [recorder, kept]) sink.batch(batch);
    }
    await recorder.stop('');
    return { path: join(folder, `set back ${back}.mcap`), rows: kept.rows.get(STREAMED.id) ?? [] };
  }

  test.each([30, 56])(
    'at batch %d: rows keep their order and come once; none before its time; a place is the row before the first that is later',
    async (back) => {
      const { path, rows } = await record(back);
      await using it = await stand(path, 20_000);
      const random = seededRandom(4);
      const got = (): KeptRow[] => [...it.kept.rows.values()].flat();
      await it.begin(it.deck.fromNs);
      while (it.positionNs < it.deck.toNs) {
        const next = it.positionNs + BigInt(1 + random.below(50_000_000));
        await it.to(next < it.deck.toNs ? next : it.deck.toNs);
        const due = rows[got().length];
        if (due) expect(due.timeNs > it.positionNs - 2n).toBe(true);
      }
      expectSame(got(), rows);
      for (let round = 0; round < 60; round++) {
        const at = randomTime(random, it.deck);
        await it.begin(at);
        const later = rows.findIndex(({ timeNs }) => timeNs > at + 1n);
        expect(got()[0]?.row).toBe(rows[(later < 0 ? rows.length : later) - 1]?.row);
      }
    },
  );
});
