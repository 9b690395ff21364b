import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleProgram } from '../../../test/fixtures/node-bundle.ts';
import {
  ABOUT,
  createTestClock,
  POLLED,
  polledBatch,
  START_NS,
  STREAMED,
  streamedBatch,
  valueAt,
} from '../../../test/fixtures/recording-source.ts';
import { BATCH_FLAG, createBatch } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { openRecorder } from '../recording/recorder.ts';
import { csvField } from './csv-text.ts';
import { exportFile } from './export-file.ts';
import { exportRecording } from './export-recording.ts';

let folder: string;
let small: string;
let large: string;
let worker: string;

const WAVEFORM: StreamInfo = {
  id: 9,
  key: 'scope/waveform',
  instrument: 'scope',
  epoch: 5,
  kind: 'segment',
  columns: [{ channel: 'ch1, "A"', unit: 'V' }],
  rateHz: 0,
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-export-'));
  worker = await bundleProgram('src/engine/export/export-worker.ts', 'export-worker');
  const clock = createTestClock();
  const limits = { reserveBytes: 0, chunkBytes: 100_000 };
  const first = await openRecorder({ folder, name: 'small', clock, about: ABOUT, limits });
  const daq = { ...STREAMED, rateHz: 20, columns: STREAMED.columns.slice(0, 1) };
  for (const info of [POLLED, daq, WAVEFORM]) first.streamOpened(info);
  for (let row = 0; row < 3; row++) {
    const batch = polledBatch(row);
    if (row === 1) batch.columns[0]?.set([Number.POSITIVE_INFINITY]);
    if (row === 2) batch.columns[1]?.set([Number.NaN]);
    first.batch(batch);
  }
  const fast = streamedBatch(0, 4, 0, daq);
  fast.columns[0]?.set([0.1, -Infinity, 1e-9, 3.3]);
  first.batch(fast);
  const flags = BATCH_FLAG.firstOfSegment | BATCH_FLAG.lastOfSegment;
  const head = {
    stream: 9,
    rows: 2,
    channels: 1,
    flags,
    seq: 0,
    lost: 0,
    t0Ns: START_NS + 100_000_000n,
    arrivedNs: START_NS,
    dtS: 2e-9,
    xOriginS: -1e-9,
  };
  const segment = createBatch(head);
  segment.columns[0]?.set([7, 8]);
  first.batch(segment);
  small = (await first.stop('')).paths[0] ?? '';

  const second = await openRecorder({
    folder,
    name: 'large',
    clock,
    about: { ...ABOUT, channels: [{ id: 'daq/ai1', scale: { gain: 2, offset: 1 }, shownUnit: 'bar' }] },
    limits,
  });
  for (const info of [POLLED, STREAMED]) second.streamOpened(info);
  for (let row = 0; row < 100; row++) {
    second.batch(polledBatch(row));
    second.batch(streamedBatch(row * 1000, 1000));
  }
  large = (await second.stop('')).paths[0] ?? '';
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Texts of Float32 columns give the same Float32 back. */
function float32(text: string | undefined): number {
  return Math.fround(Number(text));
}

/** The shortest decimal that gives the same Float32 back. */
function float32Decimal(value: number): string {
  const digits = [1, 2, 3, 4, 5, 6, 7, 8, 9].find((count) => Math.fround(Number(value.toPrecision(count))) === value);
  return String(Number(value.toPrecision(digits)));
}

describe('CSV', () => {
  it('is exactly this', async () => {
    const out = join(folder, 'small.csv');
    const result = await exportFile({ path: small, out, format: 'csv' });
    const text = await readFile(out, 'utf8');
    expect(text.split('\r\n')).toEqual([
      'time,elapsed [s],supply/ch1.voltage [V],supply/ch1.current [A],daq/ai0 [V],"scope/ch1, ""A"" [V]"',
      '2023-11-14T22:13:20.000000000Z,0.000000000,0,1024,0.1,',
      '2023-11-14T22:13:20.050000000Z,0.050000000,,,-OL,',
      '2023-11-14T22:13:20.099999999Z,0.099999999,,,,7',
      `2023-11-14T22:13:20.100000000Z,0.100000000,OL,${valueAt(1, 1)},1e-9,`,
      '2023-11-14T22:13:20.100000001Z,0.100000001,,,,8',
      '2023-11-14T22:13:20.150000000Z,0.150000000,,,3.3,',
      `2023-11-14T22:13:20.200000000Z,0.200000000,${valueAt(2, 0)},,,`,
      '',
    ]);
    expect(result).toEqual({ rows: 7, paths: [out], bytes: Buffer.byteLength(text), notes: [] });
  });

  it('merges streams of different clocks, scales, and holds every sample once', async () => {
    const out = join(folder, 'large.csv');
    const shares: number[] = [];
    await exportFile({ path: large, out, format: 'csv' }, { onProgress: (share) => shares.push(share) });
    const lines = (await readFile(out, 'utf8')).trimEnd().split('\r\n');
    expect(lines[0]).toBe(
      'time,elapsed [s],supply/ch1.voltage [V],supply/ch1.current [A],daq/ai0 [V],daq/ai1 [bar],daq/ai2 [V],daq/ai3 [V]',
    );
    expect(lines).toHaveLength(100_001);
    let polled = 0;
    for (let row = 0; row < 100_000; row++) {
      const cells = lines[row + 1]?.split(',') ?? [];
      expect(Number(cells[1])).toBe(row / 10_000);
      if (float32(cells[4]) !== valueAt(row, 0) || float32(cells[5]) !== Math.fround(valueAt(row, 1) * 2 + 1))
        throw new Error(`row ${row}: ${cells}`);
      if (cells[2] !== '') polled++;
    }
    expect(polled).toBe(100);
    expect(shares.length).toBeGreaterThan(3);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });

  it('takes a range and some channels', async () => {
    const out = join(folder, 'range.csv');
    const fromNs = START_NS + 1_000_000_000n;
    await exportFile({ path: large, out, format: 'csv', channels: ['daq/ai2'], fromNs, toNs: fromNs + 500_000n });
    expect((await readFile(out, 'utf8')).split('\r\n')).toEqual([
      'time,elapsed [s],daq/ai2 [V]',
      ...[0, 1, 2, 3, 4].map(
        (row) => `2023-11-14T22:13:21.000${row}00000Z,1.000${row}00000,${float32Decimal(valueAt(10_000 + row, 2))}`,
      ),
      '',
    ]);
  });

  it('quotes fields as RFC 4180 says', () => {
    expect(['a', 'a,b', 'say "x"', 'two\nlines'].map((text) => csvField(text))).toEqual([
      'a',
      '"a,b"',
      '"say ""x"""',
      '"two\nlines"',
    ]);
    expect(['a,b', 'a;b'].map((text) => csvField(text, ';'))).toEqual(['a,b', '"a;b"']);
  });
});

describe('an export', () => {
  it('in the worker gives the same file, with progress', async () => {
    const out = join(folder, 'worker.csv');
    const shares: number[] = [];
    const result = await exportRecording({
      worker,
      path: large,
      out,
      format: 'csv',
      onProgress: (share) => shares.push(share),
    });
    expect(result.rows).toBe(100_000);
    expect(await readFile(out, 'utf8')).toBe(await readFile(join(folder, 'large.csv'), 'utf8'));
    expect(shares.length).toBeGreaterThan(3);
  });

  it('cancelled leaves nothing, and what was there before stays', async () => {
    const out = join(folder, 'cancelled.csv');
    await writeFile(out, 'old');
    const abort = new AbortController();
    const running = exportRecording({
      worker,
      path: large,
      out,
      format: 'csv',
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });
    await expect(running).rejects.toMatchObject({ code: 'call.cancelled' });
    expect(await readFile(out, 'utf8')).toBe('old');
    expect((await readdir(folder)).filter((name) => name.startsWith('cancelled'))).toEqual(['cancelled.csv']);
  });

  it('never replaces a recording', async () => {
    const before = await readFile(small);
    for (const out of [small, large, join(folder, 'new.mcap')]) {
      const running = exportFile({ path: small, out, format: 'csv' });
      await expect(running).rejects.toMatchObject({ code: 'call.invalid', message: expect.stringContaining('.csv') });
    }
    expect(await readFile(small)).toEqual(before);
  });

  it('has all parts, though one was renamed', async () => {
    const place = await mkdtemp(join(folder, 'parts-'));
    const limits = { reserveBytes: 0, chunkBytes: 10_000, partBytes: 50_000 };
    const recorder = await openRecorder({
      folder: place,
      name: 'parts',
      clock: createTestClock(),
      about: ABOUT,
      limits,
    });
    recorder.streamOpened(STREAMED);
    for (let index = 0; index < 6; index++) recorder.batch(streamedBatch(index * 1000, 1000));
    const { paths } = await recorder.stop('');
    expect(paths.length).toBeGreaterThan(1);
    const renamed = join(place, 'second half.mcap');
    await rename(paths[1] ?? '', renamed);
    const out = join(place, 'x.csv');
    const parts = [renamed, ...paths.slice(2)];
    expect((await exportFile({ path: paths[0] ?? '', parts, out, format: 'csv' })).rows).toBe(6000);
  });

  it('that cannot be written, read or started says why', async () => {
    const nowhere = exportFile({ path: small, out: join(folder, 'no', 'x.csv'), format: 'csv' });
    await expect(nowhere).rejects.toMatchObject({
      code: 'export.failed',
      message: expect.stringContaining('does not exist'),
    });
    const unknown = exportRecording({
      worker,
      path: join(folder, 'none.mcap'),
      out: join(folder, 'x.csv'),
      format: 'csv',
    });
    await expect(unknown).rejects.toMatchObject({ code: 'recording.unknown' });
    const channel = exportFile({ path: small, out: join(folder, 'x.csv'), format: 'csv', channels: ['nope'] });
    await expect(channel).rejects.toMatchObject({ code: 'channel.unknown' });
    const unbuilt = exportRecording({
      worker: join(folder, 'none.js'),
      path: small,
      out: join(folder, 'x.csv'),
      format: 'csv',
    });
    await expect(unbuilt).rejects.toMatchObject({ code: 'engine.not-built' });
    expect((await readdir(folder)).filter((name) => name.startsWith('x.csv'))).toEqual([]);
  });
});
