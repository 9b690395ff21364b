import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { decodeColumns, encodeColumns, gridCodes, type InflateRaw } from '../../src/protocol/lab/labwire-columns.ts';
import {
  encodeFrame,
  FRAME_FLAG,
  FRAME_TYPE,
  framesOfBatch,
  type LabwireFrame,
  parseFrame,
} from '../../src/protocol/lab/labwire-frame.ts';

const inflate: InflateRaw = (bytes, maxBytes) => inflateRawSync(bytes, { maxOutputLength: maxBytes });
const FORM = { dtype: 'f32' as const };

function frame(change: Partial<LabwireFrame>): LabwireFrame {
  return {
    type: FRAME_TYPE.samples,
    flags: 0,
    codec: 'raw',
    dtype: 'f32',
    handle: 7,
    channels: 1,
    seq: 0,
    t0Ns: 1_700_000_000_000_000_000n,
    dtS: 0.5,
    rows: 0,
    skipped: undefined,
    payload: new Uint8Array(0),
    ...change,
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Two columns of three rows with nine rows left out before, as they stand on the wire. */
const GOLDEN = [
  '4c10',
  '60', // REPLAY | SKIPPED
  '00', // raw f32
  '0007',
  '0002',
  '0000000000000102',
  '17979cfe362a0000',
  '3fe0000000000000',
  '00000003',
  '00000020',
  '00000009',
  '01000000', // reason rate
  '0000803f0000004000004040', // 1, 2, 3
  '00000000',
  '0000c07f0000807f000080ff', // NaN, Infinity, -Infinity
  '00000000',
].join('');

test('golden bytes of a frame, both ways', () => {
  const payload = encodeColumns('raw', [Float32Array.of(1, 2, 3), Float32Array.of(Number.NaN, Infinity, -Infinity)]);
  const skipped = { n: 9, reason: 'rate' as const };
  const bytes = encodeFrame(frame({ flags: FRAME_FLAG.replay, channels: 2, rows: 3, seq: 258, skipped, payload }));
  expect(hex(bytes)).toBe(GOLDEN);
  const parsed = parseFrame(Buffer.from(GOLDEN, 'hex'));
  expect(parsed).toMatchObject({ type: 0x10, handle: 7, channels: 2, seq: 258, dtS: 0.5, rows: 3, skipped });
  const { columns, timesNs } = decodeColumns(parsed, FORM, inflate);
  expect(columns).toEqual([Float32Array.of(1, 2, 3), Float32Array.of(Number.NaN, Infinity, -Infinity)]);
  expect([...timesNs].map((ns) => ns - parsed.t0Ns)).toEqual([0n, 500_000_000n, 1_000_000_000n]);
});

test('rows bring their times where dt is 0', () => {
  const payload = encodeColumns('raw', [Float64Array.of(4, 5)], Float64Array.of(0, 0.0125));
  const bytes = encodeFrame(frame({ dtype: 'f64', dtS: 0, rows: 2, payload }));
  expect(hex(bytes.subarray(40))).toBe('00000000000000009a9999999999893f00000000000010400000000000001440');
  const { columns, timesNs } = decodeColumns(parseFrame(bytes), { dtype: 'f64' }, inflate);
  expect(columns).toEqual([Float64Array.of(4, 5)]);
  expect(timesNs[1]! - timesNs[0]!).toBe(12_500_000n);
});

test('the columns are a copy, wherever the message lies in its buffer', () => {
  const lent = Buffer.concat([Buffer.alloc(3), Buffer.from(GOLDEN, 'hex')]).subarray(3);
  const { columns } = decodeColumns(parseFrame(lent), FORM, inflate);
  lent.fill(0xff);
  expect(columns[0]).toEqual(Float32Array.of(1, 2, 3));
});

test('every codec gives the same values; packed only where the grid restores each float exactly', () => {
  const grid = { scale: 0.001, offset: -2 };
  const values = Float32Array.from({ length: 333 }, (_, i) => Math.round(5000 * Math.sin(i / 20)) * 0.001 - 2);
  const codes = gridCodes(values, grid);
  expect(codes).toBeDefined();
  const raw = encodeColumns('raw', [values]);
  const forms = [
    frame({ rows: 333, payload: raw }),
    frame({ rows: 333, codec: 'deflate', payload: deflateRawSync(raw) }),
    frame({ rows: 333, codec: 'i16d-rice', dtype: 'i16', payload: encodeColumns('i16d-rice', [codes!]) }),
    frame({ rows: 333, dtype: 'i16', payload: encodeColumns('raw', [codes!]) }),
    frame({ rows: 333, dtype: 'i32', payload: encodeColumns('raw', [Int32Array.from(codes!)]) }),
  ];
  for (const form of forms)
    expect(decodeColumns(parseFrame(encodeFrame(form)), { ...FORM, grids: [grid] }, inflate).columns).toEqual([values]);
  expect(gridCodes(Float32Array.of(0.00015), grid)).toBeUndefined();
  expect(gridCodes(Float32Array.of(Number.NaN), grid)).toBeUndefined();
  expect(gridCodes(Float32Array.of(1e6), grid)).toBeUndefined();
});

test('a batch gives its frames in order, none of them cut', () => {
  const one = encodeFrame(frame({ handle: 1, channels: 0, payload: new Uint8Array(3) }));
  const two = encodeFrame(frame({ handle: 2, channels: 0 }));
  const payload = new Uint8Array(48 + 40);
  payload.set(one, 0);
  payload.set(two, 48);
  const batch = parseFrame(encodeFrame(frame({ type: FRAME_TYPE.batch, rows: 2, payload })));
  expect([...framesOfBatch(batch)].map(({ handle }) => handle)).toEqual([1, 2]);
  const more = parseFrame(encodeFrame(frame({ type: FRAME_TYPE.batch, rows: 3, payload })));
  expect(() => [...framesOfBatch(more)]).toThrow('a header 40');
  const fewer = parseFrame(encodeFrame(frame({ type: FRAME_TYPE.batch, rows: 1, payload })));
  expect(() => [...framesOfBatch(fewer)]).toThrow('40 bytes follow');
  const nested = parseFrame(encodeFrame(frame({ type: FRAME_TYPE.batch, rows: 1, payload: encodeFrame(batch) })));
  expect(() => [...framesOfBatch(nested)]).toThrow('a batch holds a batch');
});

test('cut or longer by any number of bytes it is malformed', () => {
  const bytes = Buffer.from(GOLDEN, 'hex');
  for (let length = 0; length < bytes.length; length++)
    expect(() => parseFrame(bytes.subarray(0, length)), `${length}`).toThrow(/cannot be read/);
  expect(() => parseFrame(Buffer.concat([bytes, Buffer.of(0)]))).toThrow('its header says');
});

test('what cannot be is said by name', () => {
  const change = (at: number, text: string): Buffer => {
    const bytes = Buffer.from(GOLDEN, 'hex');
    bytes.write(text, at, 'hex');
    return bytes;
  };
  expect(() => parseFrame(change(0, '01'))).toThrow('begins with byte 1');
  expect(() => parseFrame(change(3, '70'))).toThrow('codec 7 and dtype 0');
  expect(() => parseFrame(change(8, 'ff'))).toThrow('beyond 2^53');
  expect(() => parseFrame(change(24, '7ff8'))).toThrow('row distance is NaN');
  expect(() => decodeColumns(parseFrame(change(6, '0003')), FORM, inflate)).toThrow('3 columns of 3 rows');
  expect(() => decodeColumns(parseFrame(change(32, '00ffffff')), FORM, inflate)).toThrow('the limit is');
});

test('a few bytes never become much memory', () => {
  const bomb = deflateRawSync(Buffer.alloc(32 << 20));
  const rows = 1 << 20;
  expect(() => decodeColumns(frame({ codec: 'deflate', rows, channels: 2, payload: bomb }), FORM, inflate)).toThrow();
  expect(() => decodeColumns(frame({ codec: 'i16d-rice', rows, payload: new Uint8Array(8) }), FORM, inflate)).toThrow(
    'does not fit',
  );
  expect(() => decodeColumns(frame({ channels: 0, rows }), FORM, inflate)).toThrow('does not fit');
});

test('fuzz: frames changed at random are read or refused, never anything else', () => {
  const random = seededRandom(11);
  const codes = Int16Array.from({ length: 60 }, (_, i) => i * 3);
  const seeds = [
    Buffer.from(GOLDEN, 'hex'),
    encodeFrame(frame({ rows: 60, codec: 'i16d-rice', dtype: 'i16', payload: encodeColumns('i16d-rice', [codes]) })),
    encodeFrame(frame({ type: FRAME_TYPE.batch, rows: 1, payload: encodeFrame(frame({})) })),
  ];
  const refuse: InflateRaw = (bytes, maxBytes) => bytes.subarray(0, maxBytes);
  const frames = Number(process.env.LABWIRE_FUZZ_FRAMES ?? 100_000);
  const before = process.memoryUsage().heapUsed;
  for (let round = 0; round < frames; round++) {
    const bytes = Uint8Array.from(seeds[round % seeds.length]!);
    for (let changes = 1 + random.below(4); changes > 0; changes--)
      bytes[random.below(bytes.length)] = random.below(256);
    try {
      const parsed = parseFrame(bytes.subarray(0, random.below(8) === 0 ? random.below(bytes.length) : bytes.length));
      const frames = parsed.type === FRAME_TYPE.batch ? [...framesOfBatch(parsed)] : [parsed];
      for (const one of frames) decodeColumns(one, FORM, refuse);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('protocol.'))) throw error;
    }
  }
  // Flat, however many: what a frame needs is gone with it.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(256 << 20);
});
