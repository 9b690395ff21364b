import { inflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { BATCH_FLAG, createBatch } from '../../src/core/batch.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import type { StreamInfo } from '../../src/core/stream-info.ts';
import { StreamFeed } from '../../src/hub/bench/stream-feed.ts';
import type { SourceFrame, Thinning } from '../../src/hub/delivery/delivery-source.ts';
import { FeedSource, type FeedSourceOptions } from '../../src/hub/labwire/feed-source.ts';
import { decodeColumns } from '../../src/protocol/lab/labwire-columns.ts';
import {
  FRAME_CODECS,
  FRAME_FLAG,
  FRAME_TYPE,
  framesOfBatch,
  type LabwireFrame,
  parseFrame,
} from '../../src/protocol/lab/labwire-frame.ts';

const EPOCH = 1_700_000_000_000_000;
const START_NS = 1_700_000_000_000_000_000n;

type Kind = 'regular' | 'timed';

function infoOf(kind: Kind, epoch = EPOCH): StreamInfo {
  return {
    id: 1,
    key: 'daq/samples',
    instrument: 'daq',
    epoch,
    kind,
    columns: [
      { channel: 'a', unit: 'V', scale: 0.25, offset: -1, bits: 16 },
      { channel: '~uncertainty', unit: 's' },
      { channel: 'b', unit: 'A', scale: 0.5, offset: 0, bits: 16 },
    ],
    rateHz: kind === 'regular' ? 100 : 10,
  };
}

const VALUE_A = (row: number): number => ((row * 7) % 100) * 0.25 - 1;
const VALUE_B = (row: number): number => ((row * 13) % 64) * 0.5;
/** Timed rows come each 100 ms, give or take 20. */
const SECONDS = (row: number, kind: Kind): number =>
  kind === 'regular' ? row / 100 : row / 10 + ((row * 31) % 40) / 1000;

function push(feed: StreamFeed, kind: Kind, seq: number, rows: number, epoch = EPOCH): void {
  const flags = kind === 'timed' ? BATCH_FLAG.timed | BATCH_FLAG.float64 : 0;
  const t0Ns = START_NS + BigInt(Math.round(SECONDS(seq, kind) * 1e9));
  const batch = createBatch({
    stream: 1,
    rows,
    channels: 3,
    flags,
    seq,
    lost: 0,
    t0Ns,
    arrivedNs: t0Ns,
    dtS: kind === 'regular' ? 0.01 : 0,
    xOriginS: 0,
  });
  for (let row = 0; row < rows; row++) {
    if (batch.times) batch.times[row] = SECONDS(seq + row, kind) - SECONDS(seq, kind);
    batch.columns[0]![row] = VALUE_A(seq + row);
    batch.columns[1]![row] = 9;
    batch.columns[2]![row] = VALUE_B(seq + row);
  }
  feed.take({ kind: 'raw', id: 1, isReply: false, stream: 1, channels: [0, 1, 2], batch }, infoOf(kind, epoch));
}

function sourceOf(feed: StreamFeed, options: Partial<FeedSourceOptions> = {}): FeedSource {
  const source = new FeedSource(
    { feed },
    {
      key: 'daq_1/samples',
      handle: 5,
      priority: 'NORMAL',
      accept: { binary: true, codecs: new Set(FRAME_CODECS) },
      pace: { kind: 'all' },
      maxFrameBytes: 4096,
      onOver: () => {},
      ...options,
    },
  );
  feed.listen({ rows() {}, reset: () => source.reset(), ended: (reason) => source.ended(reason) });
  return source;
}

interface Taken {
  frames: LabwireFrame[];
  texts: Record<string, unknown>[];
}

function open({ data }: SourceFrame): Taken {
  if (typeof data === 'string') return { frames: [], texts: [JSON.parse(data)] };
  const frame = parseFrame(data);
  return { frames: frame.type === FRAME_TYPE.batch ? [...framesOfBatch(frame)] : [frame], texts: [] };
}

function drain(source: FeedSource, thinning: Thinning = { kind: 'none' }, maxBytes = 4096): Taken {
  const all: Taken = { frames: [], texts: [] };
  for (let turn = 0; turn < 10_000; turn++) {
    const frame = source.take(maxBytes, thinning);
    if (!frame) return all;
    const { frames, texts } = open(frame);
    all.frames.push(...frames);
    all.texts.push(...texts);
  }
  throw new Error('it never ends');
}

const inflate = (bytes: Uint8Array): Uint8Array => inflateRawSync(bytes);
const GRIDS = [
  { scale: 0.25, offset: -1 },
  { scale: 0.5, offset: 0 },
];

/** Values and times of each row are those that were pushed. */
function checkRows(frames: readonly LabwireFrame[], kind: Kind): number[] {
  const numbers: number[] = [];
  for (const frame of frames) {
    expect(frame).toMatchObject({ handle: 5, channels: 2 });
    const { columns, timesNs } = decodeColumns(
      frame,
      { dtype: kind === 'timed' ? 'f64' : 'f32', grids: GRIDS },
      inflate,
    );
    for (let row = 0; row < frame.rows; row++) {
      const seq = frame.seq + row;
      numbers.push(seq);
      expect(columns.map((column) => column[row])).toEqual([VALUE_A(seq), VALUE_B(seq)]);
      const off = Number((timesNs[row] ?? 0n) - START_NS) - SECONDS(seq, kind) * 1e9;
      expect(Math.abs(off)).toBeLessThan(1000);
    }
  }
  return numbers;
}

test('golden: a frame of two rows of a timed stream, byte by byte', () => {
  const feed = new StreamFeed(infoOf('timed'));
  const source = sourceOf(feed);
  push(feed, 'timed', 40, 2);
  const frame = source.take(4096, { kind: 'none' });
  expect(frame?.rows).toBe(2);
  const t0 = (START_NS + BigInt(Math.round(SECONDS(40, 'timed') * 1e9))).toString(16).padStart(16, '0');
  const since = Buffer.alloc(16);
  since.writeDoubleLE(0, 0);
  since.writeDoubleLE(Math.round((SECONDS(41, 'timed') - SECONDS(40, 'timed')) * 1e9) / 1e9, 8);
  const values = Buffer.alloc(32);
  [VALUE_A(40), VALUE_A(41), VALUE_B(40), VALUE_B(41)].forEach((value, at) => void values.writeDoubleLE(value, at * 8));
  expect(Buffer.from(frame?.data as Uint8Array).toString('hex')).toBe(
    `4c10000100050002${'28'.padStart(16, '0')}${t0}${'0'.repeat(16)}0000000200000030${since.toString('hex')}${values.toString('hex')}`,
  );
});

test('golden: left-out rows stand before the payload with their number and reason', () => {
  const feed = new StreamFeed(infoOf('regular'));
  const source = sourceOf(feed, {
    pace: { kind: 'step', step: 4 },
    accept: { binary: true, codecs: new Set(['raw']) },
  });
  push(feed, 'regular', 1, 8);
  const frames = [source.take(4096, { kind: 'none' })].flatMap((frame) => (frame ? open(frame).frames : []));
  expect(frames.map(({ seq, rows, skipped }) => ({ seq, rows, skipped }))).toEqual([
    { seq: 4, rows: 1, skipped: { n: 3, reason: 'rate' } },
    { seq: 8, rows: 1, skipped: { n: 3, reason: 'rate' } },
  ]);
});

test('all rows, packed where the grid gives them back, whatever the size of frames', () => {
  for (const maxBytes of [64, 200, 4096]) {
    const feed = new StreamFeed(infoOf('regular'));
    const source = sourceOf(feed, { maxFrameBytes: maxBytes });
    for (let seq = 0; seq < 900; seq += 30) push(feed, 'regular', seq, 30);
    const { frames } = drain(source, { kind: 'none' }, maxBytes);
    expect(checkRows(frames, 'regular')).toEqual(Array.from({ length: 900 }, (_, seq) => seq));
    for (const frame of frames) expect(frame.payload.length).toBeLessThanOrEqual(Math.max(64, maxBytes));
    if (maxBytes === 4096) expect(frames.every(({ codec }) => codec === 'i16d-rice')).toBe(true);
  }
});

test('a value off its grid is sent raw, not rounded', () => {
  const feed = new StreamFeed(infoOf('regular'));
  const source = sourceOf(feed);
  push(feed, 'regular', 0, 20);
  feed.ring.pages[0]!.columns[0]![7] = 0.3;
  const { frames } = drain(source);
  expect(frames.map(({ codec }) => codec)).toEqual(['raw']);
  expect(decodeColumns(frames[0]!, { dtype: 'f32', grids: GRIDS }, inflate).columns[0]?.[7]).toBe(Math.fround(0.3));
});

test('what the instrument lost is named in its words, and skipped with the next row', () => {
  const feed = new StreamFeed(infoOf('regular'));
  const source = sourceOf(feed);
  push(feed, 'regular', 0, 10);
  feed.gap({ from: 10, to: 14, reason: 'buffer overrun' });
  push(feed, 'regular', 15, 10);
  const { frames, texts } = drain(source);
  expect(texts).toEqual([
    { type: 'gap', key: 'daq_1/samples', epoch: EPOCH, from: 10, to: 14, reason: 'buffer overrun' },
  ]);
  expect(frames.map(({ seq, skipped }) => [seq, skipped])).toEqual([
    [0, undefined],
    [15, { n: 5, reason: 'source' }],
  ]);
});

test('thinned, a gap is as long as it was: the rows at both of its ends are sent', () => {
  const feed = new StreamFeed(infoOf('regular'));
  const source = sourceOf(feed, { pace: { kind: 'step', step: 10 } });
  push(feed, 'regular', 0, 33);
  feed.gap({ from: 33, to: 36, reason: 'buffer overrun' });
  push(feed, 'regular', 37, 20);
  const { frames, texts } = drain(source);
  expect(frames.map(({ seq, skipped }) => [seq, skipped?.n ?? 0, skipped?.reason])).toEqual([
    [0, 0, undefined],
    [10, 9, 'rate'],
    [20, 9, 'rate'],
    [30, 9, 'rate'],
    [32, 1, 'rate'],
    [37, 4, 'source'],
    [40, 2, 'rate'],
    [50, 9, 'rate'],
  ]);
  expect(texts).toHaveLength(1);
});

test('polled rows at a slower rate: one in so much time, also when they come unevenly', () => {
  const feed = new StreamFeed(infoOf('timed'));
  const source = sourceOf(feed, { pace: { kind: 'time', intervalNs: 500e6 } });
  for (let seq = 0; seq < 600; seq++) push(feed, 'timed', seq, 1);
  const numbers = checkRows(drain(source).frames, 'timed');
  expect(numbers.length).toBeGreaterThanOrEqual(118);
  expect(numbers.length).toBeLessThanOrEqual(122);
  const steps = numbers.slice(1).map((seq, index) => seq - numbers[index]!);
  for (const step of steps) expect(step).toBeGreaterThanOrEqual(4);
  expect(steps.filter((step) => step === 5).length).toBeGreaterThan(90);
});

test('rows that are sent again say so, up to where it is live', () => {
  const feed = new StreamFeed(infoOf('regular'));
  push(feed, 'regular', 0, 100);
  const source = sourceOf(feed, { from: 60, replayTo: 80 });
  const { frames } = drain(source);
  expect(checkRows(frames, 'regular')).toEqual(Array.from({ length: 40 }, (_, index) => 60 + index));
  for (const { seq, rows, flags } of frames)
    expect((flags & FRAME_FLAG.replay) !== 0, `${seq}+${rows}`).toBe(seq + rows <= 80);
});

test('another epoch: what was not taken of the old one is a gap, then the columns, then its rows', () => {
  const feed = new StreamFeed(infoOf('regular'));
  const source = sourceOf(feed);
  push(feed, 'regular', 0, 10);
  source.backlog();
  push(feed, 'timed', 3, 4, EPOCH + 5);
  const { frames, texts } = drain(source);
  expect(texts).toMatchObject([
    { type: 'gap', epoch: EPOCH, from: 0, to: 9 },
    { type: 'stream_reset', epoch: EPOCH + 5, handle: 5, schema: { channels: ['a', 'b'], dtype: 'f64', dt: 0 } },
  ]);
  expect(frames.map(({ seq, rows, skipped }) => [seq, rows, skipped])).toEqual([[3, 4, undefined]]);
});

test('the instrument is taken away: its last rows, then stream_stopped, then it is over once', async () => {
  const feed = new StreamFeed(infoOf('regular'));
  let over = 0;
  const source = sourceOf(feed, { onOver: () => void over++ });
  push(feed, 'regular', 0, 10);
  feed.end('gone');
  const { frames, texts } = drain(source);
  expect(frames).toHaveLength(1);
  expect(texts).toEqual([{ type: 'stream_stopped', key: 'daq_1/samples', reason: 'gone' }]);
  await Promise.resolve();
  expect(over).toBe(1);
});

test('seq = previous seq + previous rows + skipped, whatever waits, is thinned, dropped, lost and let go; and every row is accounted for', () => {
  const random = seededRandom(11);
  for (let round = 0; round < 150; round++) {
    const kind: Kind = random.below(2) === 0 ? 'regular' : 'timed';
    const isBinary = random.below(4) > 0;
    const feed = new StreamFeed(infoOf(kind), { maxBytes: 20_000, maxAgeS: 300, maxGaps: 1000 });
    const paces = [
      { kind: 'all' } as const,
      { kind: 'step', step: 1 + random.below(9) } as const,
      { kind: 'time', intervalNs: (1 + random.below(9)) * 37e6 } as const,
    ];
    const shedding = {
      isLatest: random.below(3) === 0,
      maxAgeMs: random.below(3) === 0 ? 50 + random.below(2000) : undefined,
    };
    const source = sourceOf(feed, {
      pace: paces[random.below(3)]!,
      shedding,
      nowNs: () => START_NS + BigInt(Math.round(SECONDS(seq, kind) * 1e9)),
      accept: { binary: isBinary, codecs: new Set(FRAME_CODECS) },
      maxFrameBytes: 100 + random.below(4000),
    });
    let seq = random.below(1000);
    let next: number | undefined;
    let delivered = 0;
    let thinned = 0;
    let skipped = 0;
    const check = (at: number, rows: number, skip: number, reason: string | undefined): void => {
      if (next !== undefined) expect(at, `round ${round}`).toBe(next + skip);
      if (skip > 0) expect(reason).not.toBe('unknown');
      next = at + rows;
    };
    for (let step = 0; step < 200; step++) {
      switch (random.below(7)) {
        case 0:
        case 1:
        case 2: {
          const rows = 1 + random.below(60);
          push(feed, kind, seq, rows);
          seq += rows;
          break;
        }
        case 3: {
          const lost = 1 + random.below(20);
          feed.gap({ from: seq, to: seq + lost - 1, reason: 'lost' });
          seq += lost;
          break;
        }
        case 4:
          if (random.below(5) === 0) skipped += source.skip(1 + random.below(4));
          break;
        default: {
          const thinning: Thinning =
            random.below(3) > 0
              ? { kind: 'none' }
              : random.below(2) === 0
                ? { kind: 'decimate', factor: 2 + random.below(20) }
                : { kind: 'snapshot' };
          const frame = source.take(100 + random.below(4000), thinning);
          if (!frame) break;
          const { frames, texts } = open(frame);
          const numbered = [
            ...frames.map((one) => ({ seq: one.seq, rows: one.rows, skipped: one.skipped })),
            ...texts.flatMap((text) =>
              text.type === 'stream_data'
                ? [{ seq: text.seq as number, rows: 1, skipped: text.skipped as LabwireFrame['skipped'] }]
                : [],
            ),
          ];
          for (const one of numbered) check(one.seq, one.rows, one.skipped?.n ?? 0, one.skipped?.reason);
          expect(numbered.reduce((sum, { rows }) => sum + rows, 0)).toBe(frame.rows);
          if (shedding.isLatest) expect(frame.rows).toBeLessThanOrEqual(1);
          checkRows(frames, kind);
          delivered += frame.rows;
          thinned += frame.thinnedRows;
        }
      }
      const { producedRows, rows, lostRows, conflatedRows = 0, frames, bytes } = source.backlog();
      const known = delivered + thinned + skipped + lostRows + conflatedRows;
      expect(producedRows, `round ${round}, step ${step}`).toBe(known + rows);
      if (shedding.isLatest) expect(rows).toBeLessThanOrEqual(1);
      if (rows > 0) expect(frames * bytes).toBeGreaterThan(0);
    }
  }
});

test('rows that became too old before the stream ended, and nothing after them: a gap says so, then it is over', () => {
  const feed = new StreamFeed(infoOf('timed'));
  let nowS = 0;
  const source = sourceOf(feed, {
    shedding: { isLatest: false, maxAgeMs: 1000 },
    nowNs: () => START_NS + BigInt(nowS) * 1_000_000_000n,
  });
  push(feed, 'timed', 0, 5);
  expect(drain(source).frames.reduce((sum, { rows }) => sum + rows, 0)).toBe(5);
  push(feed, 'timed', 5, 10);
  nowS = 100;
  expect(source.backlog()).toMatchObject({ rows: 0, lostRows: 10 });
  source.ended('gone');
  expect(drain(source).texts).toMatchObject([
    { type: 'gap', from: 5, to: 14 },
    { type: 'stream_stopped', reason: 'gone' },
  ]);
});
