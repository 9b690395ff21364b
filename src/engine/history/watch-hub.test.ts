import { describe, expect, test } from 'vitest';
import { heldColumns } from '../../../test/fixtures/held-columns.ts';
import { viewFrame } from '../../contract/frame-read.ts';
import type { Frame, FrameBlock } from '../../contract/frames.ts';
import { BATCH_FLAG, createBatch } from '../../core/batch.ts';
import { ManualClock } from '../../core/clock.ts';
import { columnRow, rowsPerColumn } from '../../core/decimate.ts';
import { LabError } from '../../core/errors.ts';
import { COLUMN_FLAG } from '../../core/extent.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { ColumnSet } from '../../renderer/plot/column-set.ts';
import { History } from './history.ts';
import { SyntheticStream } from './synthetic-stream.ts';
import { createWatchHub, type WatchHub, type WatchLimits } from './watch-hub.ts';

const CHANNELS = ['daq/ch1', 'daq/ch2'];

interface Screen {
  hub: WatchHub;
  history: History;
  clock: ManualClock;
  /** Frames that came since the last look. */
  take(): Frame[];
}

function openScreen(limits: Partial<WatchLimits> = {}, sizeBytes?: number): Screen {
  const history = new History(sizeBytes === undefined ? {} : { sizeBytes });
  const clock = new ManualClock();
  const frames: Frame[] = [];
  const hub = createWatchHub({ history, clock, send: (bytes) => frames.push(viewFrame(bytes)), limits });
  return { hub, history, clock, take: () => frames.splice(0) };
}

/** Where the plots of these screens count time from. */
const ORIGIN_NS = new ManualClock().nowNs();

/** What a plot keeps. */
function openColumns(streams: readonly StreamInfo[]): ColumnSet {
  return new ColumnSet(ORIGIN_NS, 32_768, (id) => streams.find((info) => info.id === id));
}

const blocksOf = (frames: Frame[]): FrameBlock[] => frames.flatMap((frame) => frame.blocks);

/** What a screen would draw, by a direct question to the history, from a row on. */
function expectEqualToHistory(store: ColumnSet, history: History, stream: SyntheticStream, n: number): void {
  for (const [index, channel] of CHANNELS.entries()) {
    const got = heldColumns(store, channel);
    const first = got.firstRow[0] as number;
    const kept = history.stream(stream.info.id);
    const blocks = kept?.columns([index], first, stream.seq, n).blocks ?? [];
    const rows = blocks.flatMap((block) => Array.from({ length: block.length }, (_, at) => columnRow(block, at)));
    const skip = rows.indexOf(first);
    expect(skip).toBeGreaterThanOrEqual(0);
    expect(got.firstRow).toEqual(rows.slice(skip));
    expect(got.min).toEqual(blocks.flatMap((block) => [...(block.min[0] ?? [])]).slice(skip));
    expect(got.max).toEqual(blocks.flatMap((block) => [...(block.max[0] ?? [])]).slice(skip));
    const flags = blocks.flatMap((block) =>
      Array.from(
        { length: block.length },
        (_, at) => (block.flags?.[at] ?? 0) | (at === 0 && block.isAfterGap ? COLUMN_FLAG.gap : 0),
      ),
    );
    const mask = ~COLUMN_FLAG.partial;
    expect(got.flags.slice(1).map((flag) => flag & mask)).toEqual(flags.slice(skip + 1).map((flag) => flag & mask));
    const times = rows.slice(skip).map((row) => Number(stream.timeNs(row) - ORIGIN_NS) / 1e9);
    expect(Math.max(...times.map((time, at) => Math.abs((got.timeS[at] as number) - time)))).toBeLessThan(2e-9);
  }
}

describe('columns', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
    'seeded %d: whatever the stalls, the store ends up equal to the history',
    async (seed) => {
      const random = seededRandom(seed);
      const { hub, history, clock, take } = openScreen({ frameBytes: seed % 3 === 0 ? 4000 : 1024 * 1024 });
      const rateHz = [20_000, 3000, 50, 200_000][seed % 4] as number;
      const kind = seed % 2 ? 'regular' : 'timed';
      const stream = new SyntheticStream({ id: 1, kind, rateHz, isFloat64: seed % 5 === 0, t0Ns: clock.nowNs(), seed });
      history.streamOpened(stream.info);
      for (let count = 0; count < random.below(30); count++)
        history.batch(stream.batch(1 + Math.floor(rateHz * 0.016)));
      const windowS = 4;
      const { watch, streams } = hub.watch(CHANNELS, { kind: 'columns', windowS, width: 300 });
      const n = rowsPerColumn((windowS * rateHz) / 300);
      const store = openColumns(streams);
      let seenRow = 0;
      const waiting: Frame[] = [];
      for (let turn = 0; turn < 250; turn++) {
        if (random.below(40) === 0) stream.gap(random.below(20), random.below(2) * 0.05);
        history.batch(stream.batch(1 + random.below(Math.ceil(rateHz * 0.03))));
        await clock.advance(1 + random.below(30));
        waiting.push(...take());
        const isStalled = turn % 80 > 50;
        while (waiting.length > 0 && !isStalled) {
          const frame = waiting.shift() as Frame;
          for (const block of frame.blocks) {
            expect(block.id).toBe(watch);
            store.take(block);
            if (block.kind === 'columns') seenRow = block.columns.firstRow + block.columns.rows;
          }
          if (frame.number > 0) hub.seen(frame.number);
        }
      }
      for (let turn = 0; turn < 400; turn++) {
        await clock.advance(16);
        const frames = [...waiting.splice(0), ...take()];
        for (const frame of frames) {
          for (const block of frame.blocks) store.take(block);
          if (frame.number > 0) hub.seen(frame.number);
        }
      }
      expect(seenRow).toBeGreaterThan(0);
      expect(store.lastRows()).toEqual([{ key: 'daq/main', epoch: 1001, row: stream.seq - 1 }]);
      store.letGoBefore(Number(stream.nowNs - ORIGIN_NS) / 1e9 - windowS / 2);
      expectEqualToHistory(store, history, stream, n);
      hub[Symbol.dispose]();
      expect(clock.pending).toBe(0);
    },
  );

  test('without credit nothing is sent or kept; then all of the window comes at once and what fell out is declared', async () => {
    const { hub, history, clock, take } = openScreen();
    const stream = new SyntheticStream({ id: 1, rateHz: 100_000, t0Ns: clock.nowNs() });
    history.streamOpened(stream.info);
    const { streams } = hub.watch(CHANNELS, { kind: 'columns', windowS: 1, width: 100 });
    const store = openColumns(streams);
    const frames: Frame[] = [];
    for (let turn = 0; turn < 250; turn++) {
      history.batch(stream.batch(1600));
      await clock.advance(16);
      frames.push(...take());
    }
    expect(frames.length, '250 ms of frames at most').toBeLessThanOrEqual(17);
    expect(hub.stats.stalls).toBeGreaterThan(200);
    hub.seen(frames.at(-1)?.number ?? 0);
    await clock.advance(64);
    const late = take();
    const columns = blocksOf(late).filter((block) => block.kind === 'columns');
    expect(columns.reduce((sum, block) => sum + block.columns.length, 0)).toBeLessThanOrEqual(201);
    const skipped = blocksOf(late).filter((block) => block.kind === 'skipped');
    expect(skipped).toMatchObject([{ reason: 'window' }]);
    for (const block of blocksOf([...frames, ...late])) store.take(block);
    expect(hub.stats.skippedRows).toBeGreaterThan(200_000);
    const declared = blocksOf(late).map((block) => (block.kind === 'skipped' ? block.to - block.from : 0));
    expect(declared.reduce((sum, rows) => sum + rows, 0)).toBeGreaterThanOrEqual(hub.stats.skippedRows);
    store.letGoBefore(Number(stream.nowNs - ORIGIN_NS) / 1e9 - 0.9);
    expectEqualToHistory(store, history, stream, 512);
  });

  test('a returning screen that names its last row gets no row twice and none is missing', async () => {
    const { hub, history, clock, take } = openScreen();
    const stream = new SyntheticStream({ id: 1, rateHz: 10_000, t0Ns: clock.nowNs() });
    history.streamOpened(stream.info);
    const mode = { kind: 'columns', windowS: 10, width: 1000 } as const;
    const first = hub.watch(CHANNELS, mode);
    const store = openColumns(first.streams);
    for (let turn = 0; turn < 20; turn++) {
      history.batch(stream.batch(163));
      await clock.advance(16);
    }
    for (const block of blocksOf(take())) store.take(block);
    hub.close(first.watch);
    const before = heldColumns(store, 'daq/ch1').length;
    for (let turn = 0; turn < 20; turn++) history.batch(stream.batch(163));
    hub[Symbol.dispose]();
    // The screen comes back over another link.
    const back: Frame[] = [];
    const again = createWatchHub({ history, clock, send: (bytes) => back.push(viewFrame(bytes)) });
    again.watch(CHANNELS, mode, store.lastRows());
    await clock.advance(16);
    const blocks = blocksOf(back.splice(0));
    expect(blocks.every((block) => block.kind !== 'columns' || !block.isRestart)).toBe(true);
    const next = (store.lastRows()[0]?.row ?? 0) + 1;
    expect(blocks[0]).toMatchObject({ kind: 'columns', columns: { firstRow: Math.floor(next / 64) * 64 } });
    for (const block of blocks) store.take(block);
    await clock.advance(32);
    for (const block of blocksOf(back.splice(0))) store.take(block);
    expect(heldColumns(store, 'daq/ch1').length).toBeGreaterThan(before + 40);
    expectEqualToHistory(store, history, stream, 64);
  });

  test('an instrument that is attached again is picked up; both stretches are in the window', async () => {
    const { hub, history, clock, take } = openScreen();
    const infos: StreamInfo[] = [];
    const store = openColumns(infos);
    const { watch, streams } = hub.watch(CHANNELS, { kind: 'columns', windowS: 2, width: 1000 });
    expect(streams).toEqual([]);
    for (const id of [1, 2]) {
      const stream = new SyntheticStream({ id, rateHz: 1000, t0Ns: clock.nowNs() });
      infos.push(stream.info);
      history.streamOpened(stream.info);
      for (let turn = 0; turn < 60; turn++) {
        history.batch(stream.batch(16));
        await clock.advance(16);
        for (const frame of take()) {
          for (const block of frame.blocks) store.take(block);
          hub.seen(frame.number);
        }
      }
      history.streamClosed(id);
      await clock.advance(500);
    }
    for (const block of blocksOf(take())) store.take(block);
    const columns = heldColumns(store, 'daq/ch2');
    expect(columns.length).toBe(2 * 960);
    expect((columns.flags[960] ?? 0) & COLUMN_FLAG.gap).toBe(COLUMN_FLAG.gap);
    expect(columns.timeS).toEqual(columns.timeS.toSorted((one, other) => one - other));
    expect(hub.set(watch, {}).streams.map((info) => info.id)).toEqual([1, 2]);
  });

  test('another window: everything begins anew with a restart, in columns that fit it', async () => {
    const { hub, history, clock, take } = openScreen();
    const stream = new SyntheticStream({ id: 1, rateHz: 10_000, t0Ns: clock.nowNs() });
    history.streamOpened(stream.info);
    for (let turn = 0; turn < 100; turn++) history.batch(stream.batch(1000));
    const { watch } = hub.watch(CHANNELS, { kind: 'columns', windowS: 10, width: 1000 });
    const store = openColumns([stream.info]);
    await clock.advance(16);
    for (const block of blocksOf(take())) store.take(block);
    expect(hub.set(watch, { mode: { kind: 'columns', windowS: 0.1, width: 1000 } }).fill).toMatchObject([{ n: 1 }]);
    await clock.advance(16);
    const blocks = blocksOf(take());
    expect(blocks[0]).toMatchObject({ kind: 'columns', isRestart: true });
    for (const block of blocks) store.take(block);
    expect(heldColumns(store, 'daq/ch1').length).toBe(1001);
    expectEqualToHistory(store, history, stream, 1);
  });

  test.each([1, 4])(
    'a screen costs pixels: live columns of %d channels at 100 kHz are a hundredth of what is taken in',
    async (channels) => {
      const { hub, history, clock, take } = openScreen();
      const stream = new SyntheticStream({ id: 1, channels, rateHz: 100_000, t0Ns: clock.nowNs(), isPlain: true });
      history.streamOpened(stream.info);
      const names = stream.info.columns.map(({ channel }) => `daq/${channel}`);
      hub.watch(names, { kind: 'columns', windowS: 10, width: 1200 });
      let longest = 0;
      let since = 0;
      for (let turn = 0; turn < 200; turn++) {
        history.batch(stream.batch(1600));
        await clock.advance(16);
        const frames = take();
        since = frames.length > 0 ? 0 : since + 1;
        longest = Math.max(longest, since);
        for (const frame of frames) hub.seen(frame.number);
      }
      expect(hub.stats.sentBytes / (stream.seq * channels * 4)).toBeLessThan(0.01);
      expect(longest, 'flushes without anything new').toBeLessThanOrEqual(1);
    },
  );
});

describe('raw', () => {
  test('a stream that begins at a later row, as a replay of the middle of a recording: nothing before it was promised', async () => {
    const { hub, history, clock, take } = openScreen();
    const stream = new SyntheticStream({ id: 1, t0Ns: clock.nowNs() });
    stream.batch(5000);
    history.streamOpened(stream.info);
    hub.watch(CHANNELS, { kind: 'raw' });
    history.batch(stream.batch(10));
    await clock.advance(20);
    const blocks = blocksOf(take());
    expect(blocks.map(({ kind }) => kind)).toEqual(['raw']);
    expect(blocks[0]?.kind === 'raw' && [blocks[0].batch.seq, blocks[0].batch.rows]).toEqual([5000, 10]);
    expect(hub.stats.skippedRows).toBe(0);
  });

  test.each([1, 2, 3, 4, 5, 6])('seeded %d: every row is delivered or declared skipped, none twice', async (seed) => {
    const random = seededRandom(seed);
    const { hub, history, clock, take } = openScreen({ frameBytes: 60_000 }, seed % 2 ? 100_000 : undefined);
    const stream = new SyntheticStream({
      id: 1,
      kind: seed % 3 ? 'regular' : 'timed',
      rateHz: 10_000,
      t0Ns: clock.nowNs(),
      seed,
    });
    history.streamOpened(stream.info);
    history.batch(stream.batch(1));
    hub.watch(['daq/ch2', 'daq/ch1'], { kind: 'raw' });
    const got = new Map<number, number[]>();
    const skipped = new Set<number>();
    const gaps = new Set<number>();
    const eat = (frames: Frame[]): void => {
      for (const frame of frames) {
        hub.seen(frame.number);
        for (const block of frame.blocks) {
          if (block.kind === 'skipped') for (let row = block.from; row < block.to; row++) skipped.add(row);
          if (block.kind === 'gap') gaps.add(block.seq);
          if (block.kind !== 'raw') continue;
          expect(block.channels).toEqual([1, 0]);
          for (let row = 0; row < block.batch.rows; row++) {
            // No expect(): a hundred thousand rows are looked at.
            if (got.has(block.batch.seq + row)) throw new Error(`row ${block.batch.seq + row} came twice`);
            got.set(
              block.batch.seq + row,
              block.batch.columns.map((column) => column[row] as number),
            );
          }
        }
      }
    };
    const held: Frame[] = [];
    for (let turn = 0; turn < 200; turn++) {
      stream.feed(history, 1 + random.below(600), 0.02);
      await clock.advance(1 + random.below(40));
      held.push(...take());
      if (turn % 100 < 30 || turn % 100 > 80) eat(held.splice(0));
    }
    eat(held);
    for (let turn = 0; turn < 1500; turn++) {
      await clock.advance(16);
      eat(take());
    }
    for (const [row, values] of stream.rows) {
      if (row === 0) continue;
      const found = got.get(row);
      const wanted = skipped.has(row) ? undefined : [values[1], values[0]];
      if (found?.length !== wanted?.length || wanted?.some((value, at) => !Object.is(value, found?.[at])))
        expect(found, `row ${row}`).toEqual(wanted);
    }
    expect(got.size + [...skipped].filter((row) => stream.rows.has(row)).length).toBe(stream.rows.size - 1);
    for (const row of stream.gapRows)
      if (stream.rows.has(row) && !skipped.has(row - 1)) expect(gaps.has(row)).toBe(true);
    if (seed % 2) expect(skipped.size).toBeGreaterThan(0);
    else expect(skipped.size).toBe(0);
    expect(hub.stats.skippedRows).toBe(skipped.size);
  });

  test('a stream forgotten before the screen took it: declared', async () => {
    const { hub, history, clock, take } = openScreen();
    const stream = new SyntheticStream({ id: 1, t0Ns: clock.nowNs() });
    history.streamOpened(stream.info);
    hub.watch(CHANNELS, { kind: 'raw' });
    history.batch(stream.batch(100));
    history.streamClosed(1);
    for (let id = 2; id < 300; id++) {
      history.streamOpened({ ...stream.info, id, instrument: 'other' });
      history.streamClosed(id);
    }
    await clock.advance(16);
    expect(blocksOf(take())).toMatchObject([{ kind: 'skipped', stream: 1, from: 0, to: 100 }]);
    expect(hub.stats.skippedRows).toBe(100);
  });
});

describe('latest and segments', () => {
  test('latest: newest row only, at its rate, before the columns of the same frame', async () => {
    const { hub, history, clock, take } = openScreen();
    const stream = new SyntheticStream({ id: 1, rateHz: 1000, t0Ns: clock.nowNs() });
    history.streamOpened(stream.info);
    hub.watch(CHANNELS, { kind: 'columns', windowS: 1, width: 100 });
    const { watch } = hub.watch(['daq/ch2'], { kind: 'latest', rateHz: 5 });
    let came = 0;
    for (let turn = 0; turn < 125; turn++) {
      history.batch(stream.batch(16));
      await clock.advance(16);
      for (const frame of take()) {
        hub.seen(frame.number);
        const at = frame.blocks.findIndex((block) => block.kind === 'latest');
        if (at < 0) continue;
        expect(at).toBe(0);
        const block = frame.blocks[0];
        expect(block).toMatchObject({ id: watch, channels: [1], row: stream.seq - 1 });
        expect(block?.kind === 'latest' && block.values[0]).toEqual(stream.rows.get(stream.seq - 1)?.[1]);
        came++;
      }
    }
    expect(came).toBeGreaterThanOrEqual(9);
    expect(came).toBeLessThanOrEqual(11);
    await clock.advance(1000);
    expect(
      blocksOf(take()).filter((block) => block.kind === 'latest').length,
      'nothing new, nothing sent',
    ).toBeLessThanOrEqual(1);
  });

  test('segments: the newest one, decimated with its x axis', async () => {
    const { hub, history, clock, take } = openScreen();
    const info = {
      id: 3,
      key: 'scope/waveform',
      instrument: 'scope',
      epoch: 1,
      kind: 'segment' as const,
      columns: [{ channel: 'ch1', unit: 'V' }],
      rateHz: 0,
    };
    history.streamOpened(info);
    const flags = BATCH_FLAG.firstOfSegment | BATCH_FLAG.lastOfSegment;
    const { streams } = hub.watch(['scope/ch1'], { kind: 'segments', width: 100 });
    expect(streams).toEqual([info]);
    for (const seq of [0, 1200]) {
      const batch = createBatch({
        stream: 3,
        rows: 1200,
        channels: 1,
        flags,
        seq,
        lost: 0,
        t0Ns: 1n,
        arrivedNs: 2n,
        dtS: 1e-9,
        xOriginS: -6e-7,
      });
      for (let row = 0; row < 1200; row++) (batch.columns[0] as Float32Array)[row] = row + seq;
      history.batch(batch);
    }
    await clock.advance(48);
    const [block, ...rest] = blocksOf(take());
    expect(rest).toEqual([]);
    expect(block).toMatchObject({
      kind: 'segment',
      number: 1200,
      xOriginS: -6e-7,
      columns: { n: 8, length: 150, firstRow: 0, dtS: 1e-9 },
    });
    expect(block?.kind === 'segment' && block.columns.max[0]?.[1]).toBe(1215);
  });
});

test('limits and wrong numbers', () => {
  const { hub, clock } = openScreen({ watches: 2 });
  const code = (call: () => unknown): string => {
    try {
      call();
    } catch (error) {
      return error instanceof LabError ? error.code : 'other';
    }
    return 'none';
  };
  hub.watch(CHANNELS, { kind: 'raw' });
  const { watch } = hub.watch(CHANNELS, { kind: 'raw' });
  expect(code(() => hub.watch(CHANNELS, { kind: 'raw' }))).toBe('call.limit');
  expect(code(() => hub.set(99, {}))).toBe('call.invalid');
  expect(code(() => hub.seen(1))).toBe('call.invalid');
  expect(code(() => hub.seen(Number.NaN))).toBe('call.invalid');
  expect(code(() => hub.seen(0))).toBe('none');
  hub.close(watch);
  hub.close(watch);
  hub.close(1);
  expect(clock.pending).toBe(0);
});
