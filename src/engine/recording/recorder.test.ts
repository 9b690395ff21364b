import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { McapIndexedReader, McapStreamReader } from '@mcap/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ABOUT,
  checkBatch,
  createTestClock,
  faultyDisk,
  POLLED,
  polledBatch,
  START_NS,
  STREAMED,
  streamedBatch,
  systemError,
} from '../../../test/fixtures/recording-source.ts';
import { viewBatch } from '../../core/batch.ts';
import type { ManualClock } from '../../core/clock.ts';
import type { Disk } from './disk.ts';
import { openRecorder } from './recorder.ts';
import type { Recorder, RecorderLimits } from './recorder-options.ts';
import { openRecording } from './recording.ts';
import { verifyRecording } from './verify.ts';

let folder: string;
let clock: ManualClock;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-recorder-'));
  clock = createTestClock();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function start(limits: Partial<RecorderLimits> = {}, disk?: Disk): Promise<Recorder> {
  return openRecorder({ folder, name: 'run', clock, about: ABOUT, limits: { reserveBytes: 0, ...limits }, disk });
}

/** Lets a flush come due and waits for what the recorder has queued: its disk work is real, its clock is not. */
async function settled(recorder: Recorder): Promise<void> {
  await clock.advance(1000);
  while (recorder.stats.queueBytes > 0) await new Promise((resolve) => setImmediate(resolve));
}

async function feed(recorder: Recorder, rows = 30, perSecond = 10): Promise<void> {
  for (let row = 0; row < rows; row++) {
    recorder.batch(polledBatch(row));
    recorder.batch(streamedBatch(row * 1000, 1000));
    if ((row + 1) % perSecond === 0) await clock.advance(1000);
  }
}

async function countSamples(path: string): Promise<number> {
  await using recording = await openRecording(path);
  let samples = 0;
  for await (const batch of recording.batches()) samples += checkBatch(batch);
  return samples;
}

describe('a recording', () => {
  it('gives back every sample, with names, units, events and gaps', async () => {
    const recorder = await start();
    recorder.streamOpened(POLLED);
    recorder.streamOpened(STREAMED);
    await feed(recorder);
    recorder.batch(streamedBatch(30_500, 1000, 500));
    recorder.gap({
      stream: STREAMED.id,
      seq: 30_500,
      fromNs: START_NS + 3_000_000_000n,
      toNs: START_NS + 3_050_000_000n,
      lost: 500,
      reason: 'packets lost',
    });
    recorder.event({ id: 'n1', t: String(START_NS + 1_000_000_000n), kind: 'note', text: 'here it got warm' });
    const result = await recorder.stop('');
    expect(result).toMatchObject({ paths: [join(folder, 'run.mcap')], error: undefined });
    expect(result.stats).toMatchObject({ rows: 30 + 31_000, samples: 60 + 124_000, lost: 500, queueBytes: 0 });
    expect(await readdir(folder)).toEqual(['run.mcap', 'run.mcap.pyramid']);

    await using recording = await openRecording(join(folder, 'run.mcap'));
    const { info } = recording;
    expect(info).toMatchObject({
      complete: true,
      interrupted: false,
      lost: 500,
      missing: '',
      name: 'run',
      durationSeconds: 3.1499,
    });
    expect(info.instruments[0]).toMatchObject({
      id: 'supply',
      idn: 'MAKER,MODEL,SERIAL,1.0',
      settings: { 'ch1.output': true },
    });
    expect(info.channels.map(({ id, unit, samples, rateHz }) => [id, unit, samples, rateHz])).toEqual([
      ['supply/ch1.voltage', 'V', 30, 10],
      ['supply/ch1.current', 'A', 30, 10],
      ...[0, 1, 2, 3].map((index) => [`daq/ai${index}`, 'V', 31_000, expect.closeTo(9841, 0)]),
    ]);
    expect(info.channels[0]?.label).toBe('Rail');
    expect(info.events.map((event) => event.kind)).toEqual(['start', 'note', 'gap', 'stop']);
    expect(info.gaps).toEqual([
      {
        stream: 'daq/data',
        epoch: STREAMED.epoch,
        seq: 30_500,
        fromNs: START_NS + 3_000_000_000n,
        toNs: START_NS + 3_050_000_000n,
        lost: 500,
        reason: 'packets lost',
        isUnsaid: false,
      },
    ]);
    expect(await countSamples(join(folder, 'run.mcap'))).toBe(60 + 124_000);
    expect(await verifyRecording(recording)).toMatchObject({
      ok: true,
      problems: [],
      samples: 60 + 124_000,
      lost: 500,
    });
  });

  it('is read by the stream and the indexed reader of @mcap/core', async () => {
    const recorder = await start({ chunkBytes: 40_000 });
    recorder.streamOpened(POLLED);
    recorder.streamOpened(STREAMED);
    await feed(recorder);
    await recorder.stop('');
    const bytes = await readFile(join(folder, 'run.mcap'));

    const stream = new McapStreamReader();
    stream.append(bytes);
    let streamed = 0;
    for (let record = stream.nextRecord(); record; record = stream.nextRecord()) {
      if (record.type !== 'Message' || record.channelId === 1) continue;
      const batch = viewBatch(record.data.slice().buffer);
      expect(record.logTime).toBe(batch?.t0Ns);
      expect(record.publishTime).toBe(batch?.arrivedNs);
      expect(record.sequence).toBe(batch?.seq);
      streamed += checkBatch(batch!);
    }
    expect(stream.done()).toBe(true);
    expect(streamed).toBe(30 * 2 + 30_000 * 4);

    const handle = await open(join(folder, 'run.mcap'));
    const reader = await McapIndexedReader.Initialize({
      readable: {
        size: async () => BigInt(bytes.byteLength),
        read: async (offset, length) => {
          const target = new Uint8Array(Number(length));
          await handle.read(target, 0, target.byteLength, Number(offset));
          return target;
        },
      },
    });
    expect(reader.chunkIndexes.length).toBeGreaterThan(5);
    expect(reader.statistics?.messageCount).toBe(62n);
    let indexed = 0;
    for await (const message of reader.readMessages({ topics: [STREAMED.key], startTime: START_NS + 1_000_000_000n })) {
      indexed += checkBatch(viewBatch(message.data.slice().buffer)!);
    }
    expect(indexed).toBe(20_000 * 4);
    const metadata = [];
    for await (const record of reader.readMetadata()) metadata.push(record.name);
    expect(metadata).toEqual(['labwire.recording', 'labwire.instruments', 'labwire.channels', 'labwire.totals']);
    await handle.close();
  });

  it('goes on in parts, each readable alone, together one recording', async () => {
    const recorder = await start({ chunkBytes: 20_000, partBytes: 100_000 });
    recorder.streamOpened(POLLED);
    recorder.streamOpened(STREAMED);
    await feed(recorder);
    const { paths, stats } = await recorder.stop('');
    expect(paths.length).toBeGreaterThan(3);
    expect(paths[1]).toBe(join(folder, 'run-0002.mcap'));
    let bytes = 0;
    for (const path of paths) bytes += (await readFile(path)).byteLength;
    expect(stats.bytes).toBe(bytes);

    await using all = await openRecording(paths[2]!);
    expect(all.info).toMatchObject({ complete: true, paths, lost: 0, bytes });
    expect(all.streams).toHaveLength(2);
    expect(await verifyRecording(all)).toMatchObject({ ok: true, samples: stats.samples });
    await using one = await openRecording(paths[1]!, { single: true });
    expect(one.info.complete).toBe(false);
    expect(one.info.missing).toContain('Part 1 of 2 is not there.');
    for await (const batch of one.batches()) checkBatch(batch);
  });

  it('keeps streams that close and open again apart, and leaves deselected ones out', async () => {
    const recorder = await openRecorder({
      folder,
      name: 'run',
      clock,
      about: ABOUT,
      records: (info) => info.key !== POLLED.key,
    });
    recorder.streamOpened(POLLED);
    recorder.streamOpened(STREAMED);
    recorder.batch(polledBatch(0));
    recorder.batch(streamedBatch(0, 100));
    recorder.streamClosed(STREAMED.id);
    const again = { ...STREAMED, id: 9, epoch: STREAMED.epoch + 5 };
    recorder.streamOpened(again);
    recorder.batch(streamedBatch(0, 50, 0, again));
    await recorder.stop('');
    await using recording = await openRecording(join(folder, 'run.mcap'));
    expect(recording.streams.map((stream) => [stream.info.key, stream.info.epoch, stream.rows])).toEqual([
      [STREAMED.key, STREAMED.epoch, 100],
      [STREAMED.key, STREAMED.epoch + 5, 50],
    ]);
    expect(recording.info.channels).toHaveLength(4);
    expect(recording.info.channels[0]?.samples).toBe(150);
  });

  it('never overwrites: a taken name gets a number', async () => {
    for (const name of ['run', 'run', '../run']) {
      await (await openRecorder({ folder, name, clock, about: ABOUT })).stop('');
    }
    expect((await readdir(folder)).filter((name) => name.endsWith('.mcap')).sort()).toEqual([
      '-run.mcap',
      'run 2.mcap',
      'run.mcap',
    ]);
  });
});

describe('while recording', () => {
  it('what is older than the flush period is in the file, though nothing arrives any more', async () => {
    const recorder = await start();
    recorder.streamOpened(POLLED);
    for (let row = 0; row < 10; row++) recorder.batch(polledBatch(row));
    await settled(recorder);
    await using recording = await openRecording(join(folder, 'run.mcap.part'));
    expect(recording.isRunning).toBe(true);
    expect(recording.info).toMatchObject({ complete: false, interrupted: false, missing: '' });
    expect(recording.streams[0]?.rows).toBe(10);
    expect((await readdir(folder)).sort()).toEqual(['run.mcap.part', 'run.mcap.part.lock']);
    await recorder.stop('');
  });

  it('a disk that cannot keep up ends it loudly with everything offered before', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const disk = faultyDisk({}, (file) => ({
      ...file,
      write: async (buffers, position) => gate.then(() => file.write(buffers, position)),
    }));
    const recorder = await start({ queueBytes: 400_000, chunkBytes: 50_000, flushMs: 1000 }, disk);
    recorder.streamOpened(STREAMED);
    let offered = 0;
    await clock.advance(1000);
    await clock.advance(11_000);
    expect(recorder.stats.stalledMs, 'the disk was asked and has not answered').toBe(11_000);
    while (recorder.state === 'recording') recorder.batch(streamedBatch(offered++ * 1000, 1000));
    expect(recorder.error?.code, 'known although the disk hangs').toBe('recording.overrun');
    release();
    const error = await recorder.failed;
    expect(error.code).toBe('recording.overrun');
    const { stats } = await recorder.stop('');
    expect(stats.samples).toBe((offered - 1) * 4000);
    expect(await countSamples(join(folder, 'run.mcap'))).toBe(stats.samples);
    await using recording = await openRecording(join(folder, 'run.mcap'));
    expect(recording.info.missing).toContain('cannot keep up');
  });

  it.each([
    ['ENOSPC', 'recording.disk-full'],
    ['EIO', 'recording.failed'],
    ['EACCES', 'recording.denied'],
  ])('%s while writing ends it with %s, and what was written is finished', async (system, code) => {
    let written = 0;
    let isFailing = false;
    const disk = faultyDisk({}, (file) => ({
      ...file,
      write: async (buffers, position) => {
        if (isFailing) {
          isFailing = false;
          // A full disk takes a part of it first.
          await file.write([buffers[0]!.subarray(0, 20)], position);
          throw systemError(system);
        }
        written++;
        return file.write(buffers, position);
      },
    }));
    const recorder = await start({ chunkBytes: 50_000 }, disk);
    recorder.streamOpened(STREAMED);
    for (let index = 0; index < 10; index++) recorder.batch(streamedBatch(index * 1000, 1000));
    await settled(recorder);
    expect(written).toBeGreaterThan(1);
    const before = await countSamples(join(folder, 'run.mcap.part'));
    isFailing = true;
    for (let index = 10; index < 30; index++) recorder.batch(streamedBatch(index * 1000, 1000));
    const error = await recorder.failed;
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/recorded|recording ended/);
    expect((await recorder.stop('')).paths).toEqual([join(folder, 'run.mcap')]);
    expect(await countSamples(join(folder, 'run.mcap'))).toBeGreaterThanOrEqual(before);
    await using recording = await openRecording(join(folder, 'run.mcap'));
    expect(recording.info.events.at(-1)).toMatchObject({ kind: 'stop', data: { reason: code } });
    expect((await verifyRecording(recording)).problems).toEqual([error.message]);
  });

  it('a disk that stays broken leaves a file that opens with all that was flushed', async () => {
    let isFailing = false;
    const fail = async (): Promise<never> => Promise.reject(systemError('EIO'));
    const disk = faultyDisk({}, (file) => ({
      ...file,
      write: (buffers, position) => (isFailing ? fail() : file.write(buffers, position)),
      truncate: (bytes) => (isFailing ? fail() : file.truncate(bytes)),
    }));
    const recorder = await start({ chunkBytes: 50_000 }, disk);
    recorder.streamOpened(STREAMED);
    for (let index = 0; index < 10; index++) recorder.batch(streamedBatch(index * 1000, 1000));
    await settled(recorder);
    isFailing = true;
    recorder.batch(streamedBatch(10_000, 5000));
    expect((await recorder.failed).code).toBe('recording.failed');
    expect(await readdir(folder)).toEqual(['run.mcap.part']);
    expect(await countSamples(join(folder, 'run.mcap.part'))).toBe(4 * 10_000);
  });

  it('a failing sync ends it too', async () => {
    const disk = faultyDisk({}, (file) => ({ ...file, sync: () => Promise.reject(systemError('EIO')) }));
    const recorder = await start({ syncBytes: 1000, chunkBytes: 10_000 }, disk);
    recorder.streamOpened(STREAMED);
    recorder.batch(streamedBatch(0, 5000));
    await clock.advance(1000);
    expect((await recorder.failed).code).toBe('recording.failed');
  });

  it('a deleted folder ends it within one period', async () => {
    const recorder = await start();
    recorder.streamOpened(STREAMED);
    recorder.batch(streamedBatch(0, 1000));
    await settled(recorder);
    await rm(folder, { recursive: true });
    recorder.batch(streamedBatch(1000, 1000));
    // A period whose question to the real disk is not answered yet asks nothing new: the next one does.
    while (recorder.state === 'recording') {
      await clock.advance(750);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await recorder.failed).code).toBe('recording.folder-gone');
    expect(recorder.state).toBe('failed');
  });

  it('stops, finished, before the disk is full', async () => {
    const recorder = await start({ reserveBytes: 1000 }, faultyDisk({ freeBytes: async () => 999 }));
    recorder.streamOpened(STREAMED);
    recorder.batch(streamedBatch(0, 1000));
    await clock.advance(1000);
    expect((await recorder.failed).code).toBe('recording.disk-full');
    expect(await countSamples(join(folder, 'run.mcap'))).toBe(4000);
  });

  it('refuses to start where it may not write', async () => {
    const denied = faultyDisk({ open: () => Promise.reject(systemError('EACCES')) });
    await expect(start({}, denied)).rejects.toMatchObject({ code: 'recording.denied' });
    expect(await readdir(folder)).toEqual([]);
    const file = join(folder, 'file');
    await (await open(file, 'w')).close();
    await expect(openRecorder({ folder: join(file, 'x'), name: 'n', clock, about: ABOUT })).rejects.toMatchObject({
      code: 'recording.denied',
    });
  });
});
