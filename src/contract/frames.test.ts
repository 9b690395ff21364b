import { expect, test } from 'vitest';
import { BATCH_FLAG, createBatch } from '../core/batch.ts';
import type { ColumnBlock } from '../core/decimate.ts';
import { LabError } from '../core/errors.ts';
import { type SeededRandom, seededRandom } from '../core/seeded-random.ts';
import { viewFrame } from './frame-read.ts';
import { encodeFrame } from './frame-write.ts';
import type { FrameBlock } from './frames.ts';

function columnBlock(random: SeededRandom, channels: number): ColumnBlock {
  const n = 2 ** random.below(12);
  const length = 1 + random.below(40);
  const isFloat64 = random.below(2) === 0;
  const column = () => {
    const values = Float64Array.from({ length }, () => random.normal());
    return isFloat64 ? values : Float32Array.from(values);
  };
  const min = Array.from({ length: channels }, column);
  const firstRow = random.below(2 ** 31) * 1024 + random.below(n);
  const lastRow = length === 1 ? firstRow : (Math.floor(firstRow / n) + length - 1) * n;
  const room = (Math.floor(lastRow / n) + 1) * n - lastRow;
  return {
    n,
    firstRow,
    rows: lastRow - firstRow + 1 + random.below(room),
    length,
    t0Ns: 1_700_000_000_123_456_789n,
    dtS: 1e-6,
    timeS: random.below(2) ? Float64Array.from({ length }, (_, index) => index) : undefined,
    min,
    max: n === 1 ? min : Array.from({ length: channels }, column),
    flags: random.below(2) ? Uint8Array.from({ length: length * channels }, () => random.below(16)) : undefined,
    isAfterGap: random.below(2) === 0,
    isPartial: random.below(2) === 0,
  };
}

function anyBlock(random: SeededRandom): FrameBlock {
  const head = { id: random.below(1e6), isReply: random.below(2) === 0, stream: random.below(1000) };
  const channels = Array.from({ length: 1 + random.below(5) }, () => random.below(500));
  switch (random.below(6)) {
    case 0:
      return {
        kind: 'columns',
        ...head,
        isRestart: random.below(2) === 0,
        channels,
        columns: columnBlock(random, channels.length),
      };
    case 1:
      return {
        kind: 'segment',
        ...head,
        channels,
        columns: columnBlock(random, channels.length),
        xOriginS: -0.5,
        number: 12_345,
      };
    case 2: {
      const flags =
        [0, BATCH_FLAG.float64, BATCH_FLAG.timed, BATCH_FLAG.timed | BATCH_FLAG.float64 | BATCH_FLAG.gap][
          random.below(4)
        ] ?? 0;
      const rows = 1 + random.below(50);
      const header = {
        stream: head.stream,
        rows,
        channels: channels.length,
        flags,
        seq: 2 ** 40 + 3,
        lost: 1,
        t0Ns: 5n,
        arrivedNs: 6n,
        dtS: 0.5,
        xOriginS: 0,
      };
      const batch = createBatch(header);
      for (const column of batch.columns) for (let row = 0; row < rows; row++) column[row] = random.normal();
      batch.times?.fill(3);
      const { buffer: _, ...rest } = batch;
      return { kind: 'raw', ...head, channels, batch: rest };
    }
    case 3:
      return {
        kind: 'latest',
        ...head,
        channels,
        row: 2 ** 45,
        timeNs: -5n,
        values: Float64Array.from(channels, () => Number.NaN),
      };
    case 4:
      return { kind: 'skipped', ...head, from: 3, to: 2 ** 50, reason: 'window' };
    default:
      return { kind: 'gap', ...head, seq: 77, fromNs: 1n, toNs: 2n, lost: 5, reason: 'DAQ sent nothing – “µ”' };
  }
}

/** Without the buffer a decoded batch lies in. */
function plain(block: FrameBlock): FrameBlock {
  if (block.kind !== 'raw') return block;
  const { buffer: _, ...batch } = block.batch as typeof block.batch & { buffer?: ArrayBuffer };
  return { ...block, batch };
}

test('blocks of every kind come back as they were', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const blocks = Array.from({ length: random.below(8) }, () => anyBlock(random));
    const frame = viewFrame(encodeFrame({ number: seed, arrivedNs: 9n, blocks }));
    expect(frame.number).toBe(seed);
    expect(frame.arrivedNs).toBe(9n);
    expect(frame.blocks.map(plain)).toEqual(blocks);
  }
});

test('golden bytes: a frame with a skipped block', () => {
  const head = { id: 2, isReply: true, stream: 3 };
  const bytes = encodeFrame({
    number: 1,
    arrivedNs: 258n,
    blocks: [{ kind: 'skipped', ...head, from: 1, to: 2, reason: 'history' }],
  });
  expect(Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join(' ')).toBe(
    '4c 57 46 31 01 00 00 00 02 01 00 00 00 00 00 00 ' +
      '05 00 01 00 28 00 00 00 02 00 00 00 03 00 00 00 ' +
      '00 00 00 00 00 00 f0 3f 00 00 00 00 00 00 00 40 00 00 00 00 00 00 00 00',
  );
});

test('views lie over the bytes, nothing is copied', () => {
  const random = seededRandom(5);
  const columns = columnBlock(random, 2);
  const bytes = encodeFrame({
    number: 1,
    arrivedNs: 0n,
    blocks: [{ kind: 'columns', id: 1, isReply: false, stream: 1, isRestart: true, channels: [0, 4], columns }],
  });
  const [block] = viewFrame(bytes).blocks;
  expect(block?.kind === 'columns' && block.columns.min[1]?.buffer).toBe(bytes);
});

test('seeded noise: a frame or link.malformed, never another error', () => {
  let refused = 0;
  for (let seed = 1; seed <= 4000; seed++) {
    const random = seededRandom(seed);
    const bytes = new Uint8Array(
      encodeFrame({ number: 1, arrivedNs: 0n, blocks: [anyBlock(random), anyBlock(random)] }),
    );
    for (let hit = 0; hit <= random.below(4); hit++) {
      const at = random.below(2) ? random.below(Math.min(96, bytes.length)) : random.below(bytes.length);
      bytes[at] = random.below(256);
    }
    const cut = random.below(4) === 0 ? bytes.slice(0, random.below(bytes.length)) : bytes;
    try {
      viewFrame(cut.buffer);
    } catch (error) {
      expect(error).toBeInstanceOf(LabError);
      expect((error as LabError).code).toBe('link.malformed');
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(1000);
});

test('a batch that lies about its length is refused', () => {
  const bytes = encodeFrame({
    number: 1,
    arrivedNs: 0n,
    blocks: [
      {
        kind: 'raw',
        id: 1,
        isReply: false,
        stream: 1,
        channels: [0],
        batch: createBatch({
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
        }),
      },
    ],
  });
  new DataView(bytes).setUint32(16 + 16 + 8 + 12, 2 ** 30, true);
  expect(() => viewFrame(bytes)).toThrow(LabError);
});
