import { expect, test } from 'vitest';
import { LabError } from '../../core/errors.ts';
import { benchCodecs } from './codec-bench.ts';

test('344 each codec: how long both ways take, what it saves, what it carries', async () => {
  const results = await benchCodecs(16);
  expect(results.map(({ codec }) => codec)).toEqual(['i16d-rice', 'permessage-deflate', 'zlib']);
  for (const { iterations, plainBytes, wireBytes, savedPercent, compressMs, decompressMs, throughputMbps } of results) {
    expect(iterations).toBe(16);
    expect(savedPercent).toBeCloseTo((1 - wireBytes / plainBytes) * 100, 1);
    expect(compressMs).toBeGreaterThan(0);
    expect(decompressMs).toBeGreaterThan(0);
    expect(throughputMbps).toBeCloseTo((plainBytes * 8) / (compressMs + decompressMs) / 1000, 0);
  }
  // The same bytes on every machine.
  expect((await benchCodecs(16)).map(({ wireBytes }) => wireBytes)).toEqual(results.map(({ wireBytes }) => wireBytes));
  const [rice] = results;
  expect(rice?.savedPercent).toBeGreaterThan(80);
});

test('344 it can be stopped', async () => {
  const stop = new AbortController();
  const running = benchCodecs(10_000, stop.signal);
  stop.abort(new LabError('call.cancelled', 'Not wanted any more.'));
  await expect(running).rejects.toMatchObject({ code: 'call.cancelled' });
});
