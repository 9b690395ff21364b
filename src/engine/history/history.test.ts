import { describe, expect, test } from 'vitest';
import { viewFrame } from '../../contract/frame-read.ts';
import type { FrameBlock } from '../../contract/frames.ts';
import { BATCH_FLAG, type Batch, createBatch } from '../../core/batch.ts';
import { columnRow, columnRows } from '../../core/decimate.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { History } from './history.ts';
import { type HistoryAnswer, type HistoryRequest, PIECE_BYTES } from './history-pieces.ts';
import { readHistory } from './read-history.ts';
import { SyntheticStream } from './synthetic-stream.ts';

function read(
  history: History,
  request: Partial<HistoryRequest>,
): { answer: HistoryAnswer; blocks: FrameBlock[]; sizes: number[] } {
  const blocks: FrameBlock[] = [];
  const sizes: number[] = [];
  const full = {
    request: 7,
    channels: ['daq/ch1', 'daq/ch2'],
    fromNs: 0n,
    toNs: 2n ** 62n,
    width: 1200,
    raw: true,
    limit: 100_000,
    ...request,
  };
  const answer = readHistory(history, full, (frame) => {
    sizes.push(frame.byteLength);
    blocks.push(...viewFrame(frame).blocks);
  });
  return { answer, blocks, sizes };
}

/** Rows of raw blocks by number, with their times. */
function rowsOf(blocks: FrameBlock[]): Map<number, { values: number[]; timeNs: bigint }> {
  const rows = new Map<number, { values: number[]; timeNs: bigint }>();
  for (const block of blocks) {
    if (block.kind !== 'raw') continue;
    const { batch } = block;
    for (let row = 0; row < batch.rows; row++) {
      expect(rows.has(batch.seq + row), 'no row twice').toBe(false);
      const seconds = batch.times ? (batch.times[row] as number) : row * batch.dtS;
      const timeNs = batch.t0Ns + BigInt(Math.round(seconds * 1e9));
      rows.set(batch.seq + row, { values: batch.columns.map((column) => column[row] as number), timeNs });
    }
  }
  return rows;
}

describe.each(['regular', 'timed'] as const)('%s stream', (kind) => {
  test('every row comes back with its time, in pieces that fit', () => {
    const history = new History();
    const stream = new SyntheticStream({ id: 1, kind, rateHz: 5000, seed: 3 });
    history.streamOpened(stream.info);
    stream.feed(history, 60_000, 0.05);
    const { answer, blocks, sizes } = read(history, {});
    const rows = rowsOf(blocks);
    expect(answer).toEqual({ streams: [stream.info], exact: true, nextNs: null });
    expect(rows.size).toBe(stream.rows.size);
    for (const [number, { values, timeNs }] of rows) {
      // No expect() of a row that is right: tens of thousands are looked at.
      const wanted = stream.rows.get(number);
      const isSame = wanted?.length === values.length && wanted.every((value, at) => Object.is(value, values[at]));
      if (!isSame) expect(values, `row ${number}`).toEqual(wanted);
      const offNs = timeNs - stream.timeNs(number);
      if (offNs > 1n || offNs < -1n) throw new Error(`row ${number} is ${offNs} ns late`);
    }
    const gaps = blocks.flatMap((block) => (block.kind === 'gap' ? [block.seq] : []));
    expect(gaps).toEqual([...stream.gapRows].filter((row) => stream.rows.has(row)));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(PIECE_BYTES);
  });

  test('rows and times find each other', () => {
    const history = new History();
    const stream = new SyntheticStream({ id: 1, kind, rateHz: 977, seed: 8 });
    history.streamOpened(stream.info);
    stream.feed(history, 20_000, 0.1);
    const kept = history.stream(1);
    const numbers = [...stream.rows.keys()];
    for (let index = 0; index < numbers.length; index += 37) {
      const row = numbers[index] as number;
      const timeNs = stream.timeNs(row);
      expect(Math.abs(Number((kept?.timeOf(row) ?? 0n) - timeNs))).toBeLessThanOrEqual(1);
      expect(kept?.rowAt(timeNs)).toBe(row);
      expect(kept?.rowAt(timeNs + 1000n), 'just after a row: the next one').toBe(numbers[index + 1] ?? row + 1);
    }
    expect(kept?.rowAt(0n)).toBe(numbers[0]);
    expect(kept?.rowAt(2n ** 62n)).toBe((numbers.at(-1) ?? 0) + 1);
  });

  test('a long answer is cut and goes on where it stopped, without seam or doubles', () => {
    const history = new History();
    const streams = [1, 2].map(
      (id) => new SyntheticStream({ id, kind, rateHz: id * 700, seed: id, instrument: `daq${id}` }),
    );
    for (const stream of streams) {
      history.streamOpened(stream.info);
      stream.feed(history, 9000 * stream.info.id, 0.02);
    }
    const seen = [new Map(), new Map()];
    let fromNs = 0n;
    for (let turn = 0; turn < 100; turn++) {
      const { answer, blocks } = read(history, { channels: ['daq1/ch1', 'daq2/ch2'], fromNs, limit: 1500 });
      for (const [index, stream] of streams.entries()) {
        for (const [row, value] of rowsOf(blocks.filter((block) => block.stream === stream.info.id))) {
          expect(seen[index]?.has(row)).toBe(false);
          seen[index]?.set(row, value);
        }
      }
      if (answer.nextNs === null) break;
      expect(answer.nextNs).toBeGreaterThan(fromNs);
      fromNs = answer.nextNs;
    }
    expect(seen.map((rows) => rows.size)).toEqual(streams.map((stream) => stream.rows.size));
  });
});

test('columns of a range hold exactly the extents of its rows', () => {
  const history = new History();
  const stream = new SyntheticStream({ id: 1, rateHz: 10_000, seed: 5 });
  history.streamOpened(stream.info);
  stream.feed(history, 150_000, 0.01);
  const { answer, blocks } = read(history, { raw: false, width: 400 });
  expect(answer.exact).toBe(true);
  let rows = 0;
  for (const block of blocks) {
    if (block.kind !== 'columns') continue;
    expect(block.columns.n).toBe(256);
    for (let at = 0; at < block.columns.length; at++) {
      const first = columnRow(block.columns, at);
      const count = columnRows(block.columns, at);
      const values = Array.from({ length: count }, (_, row) => stream.rows.get(first + row)?.[0] as number);
      expect(values).not.toContain(undefined);
      const finite = values.filter(Number.isFinite);
      expect(block.columns.min[0]?.[at]).toBe(Math.min(...finite));
      expect(block.columns.max[0]?.[at]).toBe(Math.max(...finite));
      rows += count;
    }
  }
  expect(rows).toBe(stream.rows.size);
});

test('one channel at 1 MS/s: memory stays in its bounds, old rows come coarser and it says so', () => {
  const sizeBytes = 4 * 1024 * 1024;
  const history = new History({ sizeBytes });
  history.streamOpened({
    id: 1,
    key: 'daq/main',
    instrument: 'daq',
    epoch: 1,
    kind: 'regular',
    columns: [{ channel: 'ch1', unit: 'V' }],
    rateHz: 1e6,
  });
  const slow = new SyntheticStream({ id: 2, kind: 'timed', rateHz: 10, instrument: 'meter' });
  history.streamOpened(slow.info);
  const t0Ns = 1_700_000_000_000_000_000n;
  const rows = 8192;
  let seq = 0;
  for (; seq < 20_000_000; seq += rows) {
    const batch = createBatch({
      stream: 1,
      rows,
      channels: 1,
      flags: 0,
      seq,
      lost: 0,
      t0Ns: t0Ns + BigInt(seq) * 1000n,
      arrivedNs: 0n,
      dtS: 1e-6,
      xOriginS: 0,
    });
    batch.columns[0]?.fill(seq / rows);
    history.batch(batch);
    if (seq % (rows * 12) === 0) history.batch(slow.batch(1));
    expect(history.sizeBytes).toBeLessThanOrEqual(sizeBytes + 64 * 1024);
  }
  expect(history.sizeBytes).toBeGreaterThan(sizeBytes / 2);
  const fast = history.stream(1);
  expect(fast?.ring.firstRow).toBeGreaterThan(0);
  const answer = fast?.columns([0], 0, seq, 64);
  expect(answer?.isExact).toBe(false);
  const ns = [...new Set(answer?.blocks.map((block) => block.n))];
  expect(ns).toEqual([...ns].sort((one, other) => other - one));
  expect(ns.length).toBeGreaterThan(1);
  expect(ns.at(-1)).toBe(64);
  // What is answered is without a seam and true to the rows, however coarse.
  let next = answer?.firstRow ?? 0;
  for (const block of answer?.blocks ?? []) {
    expect(block.firstRow).toBe(next);
    for (let at = 0; at < block.length; at++) {
      expect(block.min[0]?.[at]).toBe(Math.floor(columnRow(block, at) / rows));
      expect(block.max[0]?.[at]).toBe(Math.floor((columnRow(block, at) + columnRows(block, at) - 1) / rows));
    }
    next = block.firstRow + block.rows;
  }
  expect(next).toBe(seq);
  expect(history.stream(2)?.ring.firstRow, 'the slow meter keeps all').toBe(0);
  const { answer: raw, blocks } = read(history, { channels: ['daq/ch1'], fromNs: t0Ns, toNs: t0Ns + 1_000_000n });
  expect(raw.exact).toBe(false);
  expect(blocks[0]).toMatchObject({ kind: 'skipped', from: 0, reason: 'history' });
});

describe('bad sources', () => {
  const shape = {
    stream: 1,
    rows: 4,
    channels: 1,
    flags: 0,
    seq: 0,
    lost: 0,
    t0Ns: 0n,
    arrivedNs: 0n,
    dtS: 1,
    xOriginS: 0,
  };
  const info = {
    id: 1,
    key: 'a/b',
    instrument: 'a',
    epoch: 1,
    kind: 'regular' as const,
    columns: [{ channel: 'x', unit: 'V' }],
    rateHz: 1,
  };

  test('rows that go back, other columns, another form, a stray stream: refused and counted', () => {
    const history = new History();
    history.streamOpened(info);
    history.batch(createBatch(shape));
    history.batch(createBatch({ ...shape, seq: 2 }));
    history.batch(createBatch({ ...shape, seq: 4, channels: 2 }));
    history.batch(createBatch({ ...shape, seq: 4, flags: BATCH_FLAG.float64 }));
    history.batch(createBatch({ ...shape, stream: 9 }));
    history.gap({ stream: 9, seq: 0, fromNs: 0n, toNs: 0n, lost: 0, reason: '' });
    history.streamClosed(9);
    expect(history.refused).toBe(3);
    expect(history.stray).toBe(1);
    expect(history.stream(1)?.endRow).toBe(4);
  });

  test('lost rows and a new anchor part the columns; a reason told before the batch is kept', () => {
    const history = new History();
    history.streamOpened(info);
    history.batch(createBatch(shape));
    history.gap({ stream: 1, seq: 6, fromNs: 4n, toNs: 9n, lost: 2, reason: 'counter jumped' });
    history.batch(createBatch({ ...shape, seq: 6, t0Ns: 6_000_000_000n }));
    history.batch(createBatch({ ...shape, seq: 10, t0Ns: 99_000_000_000n }));
    const stream = history.stream(1);
    expect(stream?.columns([0], 0, 14, 64).blocks.map((block) => [block.firstRow, block.rows, block.t0Ns])).toEqual([
      [0, 4, 0n],
      [6, 4, 6_000_000_000n],
      [10, 4, 99_000_000_000n],
    ]);
    expect(stream?.runs.gaps(0, 14).map((gap) => [gap.seq, gap.lost, gap.reason])).toEqual([
      [6, 2, 'counter jumped'],
      [10, 0, 'source paused'],
    ]);
  });

  test('gaps without end stay bounded', () => {
    const history = new History({ sizeBytes: 1024 * 1024 });
    history.streamOpened(info);
    for (let count = 0; count < 50_000; count++)
      history.batch(createBatch({ ...shape, rows: 1, seq: count * 2, t0Ns: BigInt(count) * 2_000_000_000n }));
    expect(history.sizeBytes).toBeLessThan(1.1 * 1024 * 1024);
    const first = history.stream(1)?.firstRow ?? 0;
    expect(history.stream(1)?.columns([0], first, 100_000, 64).blocks.length).toBeGreaterThan(1000);
  });

  test('closed streams are forgotten, the oldest first', () => {
    const history = new History({ closedStreams: 3 });
    for (let id = 1; id <= 6; id++) {
      history.streamOpened({ ...info, id, epoch: id });
      history.batch(createBatch({ ...shape, stream: id }));
      history.streamClosed(id);
    }
    expect(history.streamsOf(['a/x']).map(({ stream }) => stream.info.id)).toEqual([4, 5, 6]);
    expect(read(history, { channels: ['a/nothing'] })).toEqual({
      answer: { streams: [], exact: true, nextNs: null },
      blocks: [],
      sizes: [],
    });
  });
});

describe('segments', () => {
  const info = {
    id: 3,
    key: 'scope/waveform',
    instrument: 'scope',
    epoch: 1,
    kind: 'segment' as const,
    columns: [{ channel: 'ch1', unit: 'V' }],
    rateHz: 0,
  };
  const part = (seq: number, rows: number, flags: number, value: number): Batch => {
    const batch = createBatch({
      stream: 3,
      rows,
      channels: 1,
      flags,
      seq,
      lost: 0,
      t0Ns: 5n,
      arrivedNs: 6n,
      dtS: 1e-9,
      xOriginS: -1e-6,
    });
    batch.columns[0]?.fill(value);
    return batch;
  };

  test('the newest K complete ones are kept; one without an end is not shown', () => {
    const history = new History({ segments: 2 });
    history.streamOpened(info);
    let seq = 0;
    for (let count = 0; count < 5; count++) {
      history.batch(part(seq, 100, BATCH_FLAG.firstOfSegment, count));
      if (count !== 3) history.batch(part(seq + 100, 50, BATCH_FLAG.lastOfSegment, count));
      seq += 150;
    }
    const kept = history.segmentStream(3);
    expect(kept?.segments.map((segment) => [segment.number, segment.rows, segment.xOriginS])).toEqual([
      [300, 150, -1e-6],
      [600, 150, -1e-6],
    ]);
    expect(kept?.lost).toBe(1);
    expect(history.streamsOf(['scope/ch1'])).toEqual([]);
    expect(history.segmentStreamsOf(['scope/ch1'])).toHaveLength(1);
  });

  test('every sample of the newest one of a time is read, in pieces that fit; columns of it are not rows of the bench', () => {
    const history = new History();
    history.streamOpened(info);
    const rows = 200_000;
    history.batch(part(0, 10, BATCH_FLAG.firstOfSegment | BATCH_FLAG.lastOfSegment, 1));
    history.batch(part(10, rows, BATCH_FLAG.firstOfSegment, 2));
    history.batch(part(10 + rows, 50, BATCH_FLAG.lastOfSegment, 3));
    const { answer, blocks, sizes } = read(history, { channels: ['scope/ch1'] });
    expect(answer).toEqual({ streams: [info], exact: true, nextNs: null });
    expect(Math.max(...sizes)).toBeLessThanOrEqual(PIECE_BYTES);
    let next = 10;
    for (const block of blocks) {
      if (block.kind !== 'raw') throw new Error(block.kind);
      const { seq, rows: count, columns, xOriginS, dtS } = block.batch;
      expect([seq, dtS, columns[0]?.length]).toEqual([next, 1e-9, count]);
      const first = seq < 10 + rows ? 10 : 10 + rows;
      expect(xOriginS).toBeCloseTo(-1e-6 + (seq - first) * 1e-9, 12);
      expect(columns[0]?.every((value) => value === (seq < 10 + rows ? 2 : 3))).toBe(true);
      next += count;
    }
    expect(next).toBe(10 + rows + 50);
    expect(read(history, { channels: ['scope/ch1'], fromNs: 6n }).answer.streams).toEqual([]);
    expect(read(history, { channels: ['scope/ch1'], raw: false }).blocks).toEqual([]);
  });

  test('a segment that never ends does not eat the memory', () => {
    const history = new History({ sizeBytes: 1024 * 1024 });
    history.streamOpened(info);
    history.batch(part(0, 1000, BATCH_FLAG.firstOfSegment, 0));
    for (let count = 1; count < 500; count++) history.batch(part(count * 1000, 1000, 0, 0));
    expect(history.sizeBytes).toBeLessThan(200_000);
    expect(history.segmentStream(3)?.lost).toBe(1);
  });
});

test('latest row of a stream', () => {
  const history = new History();
  const stream = new SyntheticStream({ id: 1, kind: 'timed', rateHz: 10, isFloat64: true });
  history.streamOpened(stream.info);
  expect(history.stream(1)?.latest()).toBeUndefined();
  const random = seededRandom(1);
  for (let count = 0; count < 50; count++) {
    history.batch(stream.batch(1 + random.below(3)));
    const latest = history.stream(1)?.latest();
    expect(latest?.row).toBe(stream.seq - 1);
    expect([0, 1].map((index) => latest?.valueOf(index))).toEqual(stream.rows.get(stream.seq - 1));
    expect(latest?.timeNs).toBe(stream.timeNs(stream.seq - 1));
  }
});
