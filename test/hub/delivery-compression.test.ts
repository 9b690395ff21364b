import { gunzipSync, gzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type Clock, ManualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { COMPRESSION_KINDS, COMPRESSION_RULES } from '../../src/hub/compression/compression-rule.ts';
import { inflateInbound, NODE_INFLATER } from '../../src/hub/compression/deflate.ts';
import { MessageCompressor } from '../../src/hub/compression/message-compressor.ts';
import { encodeTagged } from '../../src/hub/lablink/socket/tagged-frame.ts';
import { openTagged } from '../../src/protocol/lab/compression.ts';

const FIXED = { isAdaptive: false };

function repetitive(length: number): Uint8Array {
  return Buffer.from('{"value":1.25,"state":"ok"}'.repeat(Math.ceil(length / 27)).slice(0, length));
}

function noise(length: number, seed = 1): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => random.below(256));
}

test.each([
  ['text', 512, 'gzip', 6],
  ['json', 1024, 'zlib', 5],
  ['binary', 2048, 'zlib', 4],
  ['other', 1024, 'gzip', 6],
] as const)('276, 305 %s: below %i bytes plain, from there on %s %i', (type, threshold, kind, level) => {
  const compressor = new MessageCompressor(new ManualClock(), FIXED);
  expect(compressor.compress('s', type, repetitive(threshold - 1))).toMatchObject({ kind: 'none' });
  const packed = compressor.compress('s', type, repetitive(threshold));
  expect(packed).toMatchObject({ kind });
  expect(COMPRESSION_RULES[type]).toEqual({ kind, level, thresholdBytes: threshold });
});

test('274 none, gzip, zlib, raw deflate: what the client chose', async () => {
  const compressor = new MessageCompressor(new ManualClock(), FIXED);
  const plain = repetitive(3000);
  const open = { none: (b: Uint8Array) => b, gzip: gunzipSync, zlib: inflateSync, deflate: inflateRawSync };
  for (const kind of COMPRESSION_KINDS) {
    const packed = await compressor.compress('s', 'text', plain, kind);
    expect(packed.kind).toBe(kind);
    expect(Buffer.from(open[kind](packed.bytes))).toEqual(plain);
  }
});

test('275 level 1 and level 9 give different bytes', () => {
  const plain = Buffer.from(Array.from({ length: 2000 }, (_, index) => (Math.sin(index / 9) * 1000).toFixed(2)).join());
  const at = (level: number): number => {
    const rules = { ...COMPRESSION_RULES, text: { ...COMPRESSION_RULES.text, level } };
    const packed = new MessageCompressor(new ManualClock(), { ...FIXED, rules }).compress('s', 'text', plain);
    if (packed instanceof Promise) throw new Error('should be inline');
    return packed.bytes.length;
  };
  expect(at(9)).toBeLessThan(at(1));
});

test('277 random 4 KiB are sent plain, and the next 64 of that stream are not tried', () => {
  const compressor = new MessageCompressor(new ManualClock(), FIXED);
  expect(compressor.compress('a', 'binary', noise(4096))).toMatchObject({ kind: 'none' });
  for (let index = 0; index < 64; index++)
    expect(compressor.compress('a', 'binary', repetitive(4096))).toMatchObject({ kind: 'none' });
  expect(compressor.compress('b', 'binary', repetitive(4096))).toMatchObject({ kind: 'zlib' });
  expect(compressor.compress('a', 'binary', repetitive(4096))).toMatchObject({ kind: 'zlib' });
});

test('337 up to 16 KiB inline, larger ones later', async () => {
  const compressor = new MessageCompressor(new ManualClock(), FIXED);
  expect(compressor.compress('s', 'json', repetitive(16 * 1024))).not.toBeInstanceOf(Promise);
  const later = compressor.compress('s', 'json', repetitive(16 * 1024 + 1));
  expect(later).toBeInstanceOf(Promise);
  expect(inflateSync((await later).bytes).length).toBe(16 * 1024 + 1);
});

test('LabLink frames: g or z and the bytes, which our client opens; text where nothing is saved', async () => {
  const settings = { isEnabled: true, level: 6, thresholdBytes: 1 };
  const text = JSON.stringify({ type: 'stream_data', data: Array.from({ length: 400 }, (_, index) => index / 8) });
  for (const kind of ['gzip', 'zlib'] as const) {
    const frame = await encodeTagged(text, kind, settings, () => {});
    expect(typeof frame !== 'string' && String.fromCharCode(frame[0]!)).toBe(kind[0]);
    expect(openTagged(NODE_INFLATER, frame as Uint8Array)).toBe(text);
  }
  expect(await encodeTagged('{}', 'gzip', settings, () => {})).toBe('{}');
});

test('304 346 figures under their names match a count of the bytes', () => {
  const clock = tickingClock(2);
  const compressor = new MessageCompressor(clock, FIXED);
  let plain = 0;
  let wire = 0;
  for (let index = 0; index < 20; index++) {
    const bytes = index % 2 === 0 ? repetitive(5000 + index) : repetitive(100);
    const packed = compressor.compress('s', 'json', bytes);
    if (packed instanceof Promise) throw new Error('should be inline');
    plain += bytes.length;
    wire += packed.bytes.length;
  }
  expect(compressor.stats()).toEqual({
    current_level: 6,
    messages_processed: 20,
    average_compression_ratio: 100 * (1 - wire / plain),
    average_latency_ms: 2,
    space_saved_mb: (plain - wire) / 1e6,
  });
  const adaptation = compressor.adaptationStats();
  expect(adaptation).toMatchObject({
    current_level: 6,
    network_condition: 'fair',
    data_pattern: 'normal',
    adaptation_count: 0,
    performance: { latency_ms: 2, compression_ratio: 100 * (1 - wire / plain) },
  });
  expect(adaptation.performance.throughput_mbps).toBeGreaterThan(0);
  compressor.resetStats();
  expect(compressor.stats()).toMatchObject({ messages_processed: 0, average_compression_ratio: 0, space_saved_mb: 0 });
});

test('deflate bombs of clients: more than 16 MiB or 200 : 1 is not read', () => {
  const bomb = gzipSync(Buffer.alloc(1 << 20));
  expect(() => inflateInbound('gzip', bomb)).toThrow(expect.objectContaining({ code: 'protocol.too-long' }));
  const long = gzipSync(noise(70_000));
  expect(inflateInbound('gzip', long).length).toBe(70_000);
  expect(() => inflateInbound('gzip', long, { maxBytes: 69_999, maxRatio: 200, freeBytes: 1 })).toThrow(
    expect.objectContaining({ code: 'protocol.too-long' }),
  );
  // A short repetitive text may shrink a lot.
  expect(inflateInbound('gzip', gzipSync(Buffer.alloc(64 * 1024))).length).toBe(64 * 1024);
  for (const kind of ['gzip', 'zlib', 'deflate'] as const)
    expect(() => inflateInbound(kind, noise(50))).toThrow(expect.objectContaining({ code: 'protocol.malformed' }));
});

test('compressor: many streams, bounded memory; the longest unused are forgotten', () => {
  const compressor = new MessageCompressor(new ManualClock(), { ...FIXED, maxStreams: 2 });
  for (const stream of ['a', 'b', 'c']) compressor.compress(stream, 'binary', noise(4096));
  // `a` was forgotten with its hold-off, `c` is remembered.
  expect(compressor.compress('c', 'binary', repetitive(4096))).toMatchObject({ kind: 'none' });
  expect(compressor.compress('a', 'binary', repetitive(4096))).toMatchObject({ kind: 'zlib' });
});

/** A clock that moves on by so many ms each time it is read. */
function tickingClock(stepMs: number): Clock {
  let now = 0;
  const still = new ManualClock();
  return {
    nowNs: () => still.nowNs(),
    monotonicMs: () => {
      now += stepMs;
      return now;
    },
    after: (ms, callback) => still.after(ms, callback),
  };
}
