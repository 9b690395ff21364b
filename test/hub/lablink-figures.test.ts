import { gunzipSync, inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { Pace } from '../../src/hub/acquisition/pace.ts';
import { SampleRing } from '../../src/hub/acquisition/sample-ring.ts';
import { crossingsOf, peaksOf, qualityOf, rollingStatistics, trendOf } from '../../src/hub/lablink/series.ts';
import { encodeTagged } from '../../src/hub/lablink/socket/tagged-frame.ts';
import { spectrumOf } from '../../src/hub/lablink/spectrum.ts';
import { waveformFigures } from '../../src/hub/lablink/waveform-figures.ts';
import { isoTime } from '../../src/hub/server-time.ts';

test('times are UTC with microseconds', () => {
  expect(isoTime(1_763_044_222_123_456_789n)).toBe('2025-11-13T14:30:22.123456Z');
  expect(isoTime(0n)).toBe('1970-01-01T00:00:00.000000Z');
});

test('figures of a row of numbers', () => {
  const values = Float64Array.of(1, 2, 3, 4, 10);
  expect(rollingStatistics(values)).toMatchObject({
    mean: 4,
    min: 1,
    max: 10,
    median: 3,
    peak_to_peak: 9,
    num_samples: 5,
  });
  expect(rollingStatistics(values)?.std).toBeCloseTo(Math.sqrt(10), 12);
  expect(rollingStatistics(new Float64Array())).toBeUndefined();
  const seconds = Float64Array.of(0, 1, 2, 3, 4);
  expect(trendOf(seconds, Float64Array.of(1, 3, 5, 7, 9))).toEqual({
    type: 'rising',
    slope: 2,
    r_squared: 1,
    confidence: 1,
  });
  expect(trendOf(seconds, Float64Array.of(5, 5, 5, 5, 5))).toMatchObject({ type: 'stable', slope: 0 });
  expect(trendOf(seconds, Float64Array.of(1, -1, 1, -1, 1)).type).toBe('noisy');
  const holed = Float64Array.of(1, 1, Number.NaN, 1, 1, 1, 1, 1, 1, 1, 1, 9);
  expect(qualityOf(holed, 3)).toMatchObject({ missing_count: 1, outlier_count: 1, valid_percentage: (11 / 12) * 100 });
  const wave = Float64Array.of(0, 3, 0, 1, 0, 5, 4, 5.5, 0);
  expect(peaksOf(wave, {})).toEqual({ indices: [1, 3, 5, 7], values: [3, 1, 5, 5.5], count: 4 });
  expect(peaksOf(wave, { height: 2 }).indices).toEqual([1, 5, 7]);
  expect(peaksOf(wave, { prominence: 2 }).indices).toEqual([1, 7]);
  expect(peaksOf(wave, { distance: 3 }).indices).toEqual([1, 7]);
  expect(crossingsOf(wave, 2, 'both')).toEqual({ rising: [1, 5], falling: [2, 8], total: 4 });
  expect(crossingsOf(wave, 2, 'rising')).toEqual({ rising: [1, 5], falling: [], total: 2 });
});

test('a spectrum finds a tone with its amplitude, its harmonic and its noise', () => {
  const random = seededRandom(7);
  const tone = Float64Array.from({ length: 1024 }, (_, at) => 2 * Math.sin((2 * Math.PI * 64 * at) / 1024) + 3);
  for (const window of ['hann', 'hamming', 'blackman', 'rectangular'] as const) {
    const spectrum = spectrumOf(tone, 1024, window);
    expect(spectrum?.dominant_frequency).toBe(64);
    expect(spectrum?.fundamental_amplitude).toBeCloseTo(2, 6);
    expect(spectrum?.magnitudes[0]).toBeCloseTo(3, 6);
    expect(spectrum?.thd_percent).toBeLessThan(0.001);
  }
  const distorted = tone.map(
    (value, at) => value + 0.2 * Math.sin((2 * Math.PI * 128 * at) / 1024) + random.below(1000) / 1e5,
  );
  const spectrum = spectrumOf(distorted, 1024, 'hann');
  expect(spectrum?.thd_percent).toBeCloseTo(10, 0);
  expect(spectrum?.snr_db).toBeLessThan(25);
  expect(spectrumOf(Float64Array.of(1), 10, 'hann')).toBeUndefined();
});

test('figures of a square wave with noise: levels, times and edges', () => {
  const random = seededRandom(3);
  const samples = Float64Array.from({ length: 10_000 }, (_, at) => {
    const phase = (at % 1000) / 1000;
    const level = phase < 0.1 ? phase / 0.1 : phase < 0.3 ? 1 : phase < 0.4 ? (0.4 - phase) / 0.1 : 0;
    return 5 * level + (random.below(1000) - 500) / 10_000;
  });
  const figures = waveformFigures(samples, 1e-6);
  expect(figures.vtop).toBeCloseTo(5, 1);
  expect(figures.vbase).toBeCloseTo(0, 1);
  expect(figures.period).toBeCloseTo(1e-3, 6);
  expect(figures.frequency).toBeCloseTo(1000, 0);
  expect(figures.rise_time).toBeCloseTo(80e-6, 5);
  expect(figures.fall_time).toBeCloseTo(80e-6, 5);
  expect(figures.positive_width).toBeCloseTo(300e-6, 5);
  expect(figures.duty_cycle).toBeCloseTo(30, 0);
  expect(figures.positive_edges).toBe(10);
  expect(waveformFigures(Float64Array.of(1, 1, 1), 1)).toMatchObject({
    vpp: 0,
    vamp: 0,
    positive_edges: 0,
    overshoot: null,
  });
  expect(waveformFigures(Float64Array.of(Number.NaN), 1)).toEqual({});
});

test('a ring keeps the newest rows, whatever came', () => {
  const ring = new SampleRing(2, 100);
  for (let row = 0; row < 250; row++) ring.push(BigInt(row), Float64Array.of(row, -row));
  expect(ring).toMatchObject({ total: 250, length: 100 });
  expect(ring.times(3)).toEqual([247n, 248n, 249n]);
  expect([...ring.column(1, 3)]).toEqual([-247, -248, -249]);
  expect(ring.times(1000)).toHaveLength(100);
  ring.clear();
  expect(ring.times(10)).toEqual([]);
});

test('a pace takes the first row of each turn, however rows jitter, and begins anew when time does', () => {
  const random = seededRandom(11);
  for (const [rowMs, intervalMs, expected] of [
    [100, 100, 200],
    [50, 100, 100],
    [100, 50, 200],
    [30, 100, 61],
  ] as const) {
    const pace = new Pace(intervalMs);
    let taken = 0;
    for (let row = 0; row < 200; row++) {
      const jitterMs = row === 0 ? 0 : (random.below(200) - 100) / 10;
      if (pace.take(BigInt(Math.round((1000 + row * rowMs + jitterMs) * 1e6)))) taken++;
    }
    expect(Math.abs(taken - expected)).toBeLessThanOrEqual(1);
  }
  const pace = new Pace(1000);
  expect([5_000_000_000n, 5_100_000_000n, 1_000_000_000n].map((time) => pace.take(time))).toEqual([true, false, true]);
});

test('frames are tagged and open to the same text; what gains nothing stays text', async () => {
  const settings = { isEnabled: true, level: 6, thresholdBytes: 100 };
  const counted: number[][] = [];
  const pack = (text: string, kind: 'none' | 'gzip' | 'zlib', more = {}) =>
    encodeTagged(text, kind, { ...settings, ...more }, (raw, wire) => counted.push([raw, wire]));
  const text = JSON.stringify({ numbers: Array.from({ length: 100 }, (_, at) => at % 7) });
  const gzip = (await pack(text, 'gzip')) as Uint8Array;
  expect(gzip[0]).toBe(0x67);
  expect([...gzip.subarray(1, 3)]).toEqual([0x1f, 0x8b]);
  expect(String(gunzipSync(gzip.subarray(1)))).toBe(text);
  const zlib = (await pack(text, 'zlib')) as Uint8Array;
  expect(zlib[0]).toBe(0x7a);
  expect(zlib[1]).toBe(0x78);
  expect(String(inflateSync(zlib.subarray(1)))).toBe(text);
  expect(counted).toEqual([
    [text.length, gzip.length],
    [text.length, zlib.length],
  ]);
  expect(await pack(text, 'none')).toBe(text);
  expect(await pack('short', 'gzip')).toBe('short');
  expect(await pack(text, 'gzip', { isEnabled: false })).toBe(text);
  const random = seededRandom(5);
  const noise = Array.from({ length: 300 }, () => String.fromCharCode(33 + random.below(90))).join('');
  expect(await pack(noise, 'gzip')).toBe(noise);
  const long = text.repeat(200);
  const beside = pack(long, 'gzip');
  expect(beside).toBeInstanceOf(Promise);
  expect(String(gunzipSync(((await beside) as Uint8Array).subarray(1)))).toBe(long);
});
