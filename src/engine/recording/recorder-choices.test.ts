import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readIndexed, readStreamed } from '../../../test/fixtures/mcap-peer.ts';
import { memoryDisk } from '../../../test/fixtures/memory-disk.ts';
import {
  ABOUT,
  checkBatch,
  createTestClock,
  POLLED,
  polledBatch,
  START_NS,
  STREAMED,
  streamedBatch,
  valueAt,
} from '../../../test/fixtures/recording-source.ts';
import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import { createBatch } from '../../core/batch.ts';
import type { ManualClock } from '../../core/clock.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { readExchanges } from './recorded-exchanges.ts';
import { openRecorder } from './recorder.ts';
import type { Recorder, RecorderOptions } from './recorder-options.ts';
import { openRecording } from './recording.ts';
import { recordingInfo } from './recording-row.ts';
import { recoverFolder } from './recovery.ts';
import { verifyRecording } from './verify.ts';

let folder: string;
let clock: ManualClock;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-choices-'));
  clock = createTestClock();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function start(options: Partial<RecorderOptions> = {}): Promise<Recorder> {
  const limits = { reserveBytes: 0, ...options.limits };
  return openRecorder({ folder, name: 'run', clock, about: ABOUT, ...options, limits });
}

function feed(recorder: Recorder, rows = 30): void {
  recorder.streamOpened(POLLED);
  recorder.streamOpened(STREAMED);
  for (let row = 0; row < rows; row++) {
    recorder.batch(polledBatch(row));
    recorder.batch(streamedBatch(row * 1000, 1000));
  }
}

async function readFileBytes(path = join(folder, 'run.mcap')): Promise<Uint8Array> {
  return new Uint8Array(await readFile(path));
}

function hasProgram(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The stored records of the first chunk of that compression, found by the fields of its header. */
function storedRecords(bytes: Uint8Array, compression: string): { stored: Uint8Array; unpackedBytes: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at < bytes.byteLength; at += 9 + Number(view.getBigUint64(at + 1, true))) {
    if (view.getUint8(at) !== 0x06) continue;
    const length = view.getUint32(at + 37, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 41, at + 41 + length));
    if (name !== compression) continue;
    const from = at + 49 + length;
    const stored = bytes.subarray(from, from + Number(view.getBigUint64(at + 41 + length, true)));
    return { stored, unpackedBytes: Number(view.getBigUint64(at + 25, true)) };
  }
  throw new Error(`no chunk with compression ${compression}`);
}

describe.each(['none', 'lz4', 'zstd'] as const)('compression %s', (compression) => {
  it('is read the same by us and by both readers of @mcap/core', async () => {
    const recorder = await start({ compression, limits: { chunkBytes: 40_000 } });
    feed(recorder);
    await recorder.stop('');
    const bytes = await readFileBytes();
    const samples = 30 * 2 + 30_000 * 4;
    const indexed = await readIndexed(bytes);
    const streamed = readStreamed(bytes);
    expect([indexed.samples, streamed.samples]).toEqual([samples, samples]);
    for (const topic of [POLLED.key, STREAMED.key]) {
      expect(streamed.messages.get(topic)).toEqual(indexed.messages.get(topic));
      expect(indexed.messages.get(topic)).toHaveLength(30);
    }
    await using recording = await openRecording(join(folder, 'run.mcap'));
    expect(recording.parts[0]?.walk, 'it was read by its index').toBeUndefined();
    let ours = 0;
    for await (const batch of recording.batches()) ours += checkBatch(batch);
    expect(ours).toBe(samples);
    expect(await verifyRecording(recording)).toMatchObject({ ok: true, samples, problems: [] });
  });

  it.skipIf(compression === 'none' || !hasProgram(compression))(
    '(needs the program of that name) its frames are unpacked by it',
    async () => {
      const recorder = await start({ compression });
      feed(recorder, 10);
      await recorder.stop('');
      const { stored, unpackedBytes } = storedRecords(await readFileBytes(), compression);
      const unpacked = execFileSync(compression, ['-d', '-c'], { input: stored, maxBuffer: 64 << 20 });
      expect(unpacked.byteLength).toBe(unpackedBytes);
      expect(stored.byteLength).toBeLessThan(unpackedBytes);
    },
  );
});

describe('plain messages', () => {
  it('are one JSON object per row with the numbers of the batches, and no samples of ours', async () => {
    const recorder = await start({ plainMessages: true, compression: 'zstd' });
    recorder.streamOpened(POLLED);
    for (let row = 0; row < 50; row++) recorder.batch(polledBatch(row));
    await recorder.stop('');
    const found = await readIndexed(await readFileBytes());
    const channel = found.channels.find(({ topic }) => topic === 'supply/polled/plain');
    expect(channel).toMatchObject({ messageEncoding: 'json', metadata: new Map([['rows', 'all']]) });
    const schema = found.schemas.find(({ id }) => id === channel?.schemaId);
    expect(schema?.encoding).toBe('jsonschema');
    expect(JSON.parse(new TextDecoder().decode(schema?.data))).toMatchObject({
      type: 'object',
      properties: {
        timestamp: { type: 'number' },
        ch1_voltage: { type: ['number', 'null'], title: 'supply/ch1.voltage', description: 'V' },
        ch1_current: { type: ['number', 'null'], title: 'supply/ch1.current', description: 'A' },
      },
    });
    const messages = found.messages.get('supply/polled/plain') ?? [];
    expect(messages).toHaveLength(50);
    for (const [row, message] of messages.entries()) {
      expect(message.logTime).toBe(START_NS + BigInt(row) * 100_000_000n);
      expect(JSON.parse(new TextDecoder().decode(message.data))).toEqual({
        timestamp: 1_700_000_000 + row / 10,
        ch1_voltage: valueAt(row, 0),
        ch1_current: valueAt(row, 1),
      });
    }
    await using recording = await openRecording(join(folder, 'run.mcap'));
    expect(recording.streams.map(({ info }) => info.key)).toEqual(['supply/polled']);
    expect(await verifyRecording(recording)).toMatchObject({ ok: true, batches: 50, samples: 100 });
  });

  it('give Float32 as it is, nothing for what is missing, and name what was over range', async () => {
    const info: StreamInfo = { ...STREAMED, rateHz: 10, columns: STREAMED.columns.slice(0, 3) };
    const recorder = await start({ plainMessages: true });
    recorder.streamOpened(info);
    const shape = { stream: info.id, rows: 1, channels: 3, flags: 0, seq: 0, lost: 0, dtS: 0.1, xOriginS: 0 };
    const batch = createBatch({ ...shape, t0Ns: START_NS, arrivedNs: START_NS });
    batch.columns[0]?.set([0.1]);
    batch.columns[1]?.set([Number.NaN]);
    batch.columns[2]?.set([Number.NEGATIVE_INFINITY]);
    recorder.batch(batch);
    await recorder.stop('');
    const found = readStreamed(await readFileBytes(), false);
    const [message] = found.messages.get('daq/data/plain') ?? [];
    expect(JSON.parse(new TextDecoder().decode(message?.data))).toEqual({
      timestamp: 1_700_000_000,
      ai0: Math.fround(0.1),
      ai1: null,
      ai2: null,
      overload: ['-ai2'],
    });
  });

  it('of a fast stream are the first of each interval, and the channel says so', async () => {
    const recorder = await start({ plainMessages: true, limits: { plainHz: 300 } });
    recorder.streamOpened(STREAMED);
    for (let index = 0; index < 20; index++) recorder.batch(streamedBatch(index * 500, 500));
    await recorder.stop('');
    const found = await readIndexed(await readFileBytes());
    const interval = 3_333_333;
    const channel = found.channels.find(({ topic }) => topic === 'daq/data/plain');
    expect(channel?.metadata.get('rows')).toBe(`the first of each ${interval} ns`);
    // 10,000 rows, one each 100 µs.
    const expected: number[] = [];
    let last = -1n;
    for (let row = 0; row < 10_000; row++) {
      const number = (START_NS + BigInt(row) * 100_000n) / BigInt(interval);
      if (number !== last) expected.push(row);
      last = number;
    }
    expect(expected.length).toBeGreaterThan(290);
    const messages = found.messages.get('daq/data/plain') ?? [];
    expect(messages.map(({ sequence }) => sequence)).toEqual(expected);
    expect(JSON.parse(new TextDecoder().decode(messages.at(-1)?.data)).ai2).toBe(valueAt(expected.at(-1) ?? 0, 2));
    await using recording = await openRecording(join(folder, 'run.mcap'));
    expect(await verifyRecording(recording)).toMatchObject({ ok: true, samples: 40_000 });
  });
});

describe('exchanges', () => {
  const exchanges = Array.from({ length: 40 }, (_, index): ExchangeRecord => {
    const at = String(START_NS + BigInt(index) * 50_000_000n);
    const direction = index % 2 === 0 ? 'sent' : 'received';
    return { at, instrument: 'supply', direction, text: `MEAS:VOLT? ${index} ä`, bytes: 12, roundTripMs: index / 8 };
  });

  async function readAll(path: string, fromNs?: bigint, toNs?: bigint): Promise<ExchangeRecord[]> {
    await using recording = await openRecording(path);
    expect((await verifyRecording(recording)).problems.filter((problem) => !problem.includes('cut off'))).toEqual([]);
    const found: ExchangeRecord[] = [];
    for await (const one of readExchanges(recording, { fromNs, toNs })) found.push(one);
    return found;
  }

  it('are kept as they are, found by time, and are no channels', async () => {
    const recorder = await start({ compression: 'lz4', limits: { chunkBytes: 2000 } });
    recorder.streamOpened(POLLED);
    for (const [row, exchange] of exchanges.entries()) {
      recorder.batch(polledBatch(row));
      recorder.exchange(exchange);
    }
    await recorder.stop('');
    const path = join(folder, 'run.mcap');
    expect(await readAll(path)).toEqual(exchanges);
    expect(await readAll(path, START_NS + 400_000_000n, START_NS + 500_000_000n)).toEqual(exchanges.slice(8, 11));
    const peer = readStreamed(await readFileBytes()).messages.get('labwire/exchanges') ?? [];
    expect(peer.map(({ data }) => JSON.parse(new TextDecoder().decode(data)))).toEqual(exchanges);
    await using recording = await openRecording(path);
    expect(recording.info.channels).toHaveLength(2);
    expect(recording.info.events.map(({ kind }) => kind)).toEqual(['start', 'stop']);
    expect(recording.parts[0]?.totals.get('exchanges')).toBe('40');
  });

  it('outlive a cut, and the finishing of what was cut off', async () => {
    const recorder = await start({ limits: { chunkBytes: 2000 } });
    for (const exchange of exchanges) recorder.exchange(exchange);
    await recorder.stop('');
    const whole = await readFileBytes();
    await rm(join(folder, 'run.mcap'));
    await using first = await openRecording('/f/run.mcap', { disk: memoryDisk({ '/f/run.mcap': whole }) });
    const chunk = [...(first.parts[0]?.chunks ?? [])][2];
    // In the middle of the digest behind the third chunk, so that the chunk is written once more.
    await writeFile(join(folder, 'run.mcap.part'), whole.subarray(0, (chunk?.offset ?? 0) + (chunk?.length ?? 0) + 20));
    const kept = await readAll(join(folder, 'run.mcap.part'));
    expect(kept.length).toBeGreaterThan(20);
    expect(kept).toEqual(exchanges.slice(0, kept.length));
    expect(await recoverFolder(folder, clock)).toMatchObject([{ state: 'finished' }]);
    expect(await readAll(join(folder, 'run.mcap'))).toEqual(kept);
  });
});

describe('parts', () => {
  it('end after a time, if they hold anything, and each is told when it is finished', async () => {
    const told: [string, number][] = [];
    const recorder = await start({
      limits: { partSeconds: 10, flushMs: 1000 },
      onPart: (path, part) => told.push([path, part]),
    });
    recorder.streamOpened(POLLED);
    for (let row = 0; row < 250; row++) {
      recorder.batch(polledBatch(row));
      await clock.advance(100);
    }
    // Nothing comes any more: the last part ends, and no empty one after it.
    await clock.advance(60_000);
    const { paths } = await recorder.stop('');
    expect(told).toEqual(paths.map((path, index) => [path, index + 1]));
    await using recording = await openRecording(paths[0] ?? '');
    expect(recording.parts.map((part) => part.chunks.rowsOf(2)?.totals.rows ?? 0)).toEqual([100, 100, 50, 0]);
    expect(await verifyRecording(recording)).toMatchObject({ ok: true, samples: 500 });
    expect(recording.info).toMatchObject({ complete: true, paths });
  });

  it('end when asked, with the path of the one that ended', async () => {
    const recorder = await start({ compression: 'zstd' });
    feed(recorder, 10);
    const first = await recorder.rotateNow();
    expect(first).toBe(join(folder, 'run.mcap'));
    await using part = await openRecording(first, { single: true });
    expect(part.streams.map(({ rows }) => rows)).toEqual([10, 10_000]);
    for (let row = 10; row < 20; row++) recorder.batch(streamedBatch(row * 1000, 1000));
    const second = recorder.rotateNow();
    const { paths } = await recorder.stop('');
    expect(await second).toBe(paths[1]);
    await expect(recorder.rotateNow()).rejects.toMatchObject({ code: 'recording.idle' });
    await using recording = await openRecording(first);
    expect(await verifyRecording(recording)).toMatchObject({ ok: true, samples: 20 + 20_000 * 4 });
    expect((await readdir(folder)).filter((name) => !name.endsWith('.pyramid'))).toHaveLength(3);
  });
});

describe('what a recording says', () => {
  it('is what was said when it was made', async () => {
    const labels = {
      operator: 'A. Person',
      tags: ['night', 'α "quoted"'],
      members: [{ recording: 'flight-1', part: 17 }],
      thinned: '',
    };
    const about = {
      ...ABOUT,
      bench: '/benches/one.labwire',
      clock: { source: 'GPS', offsetS: -0.0000125, uncertaintyS: 1e-6 },
      instruments: [
        {
          id: 'supply',
          idn: 'MAKER,MODEL,SERIAL,1.0',
          resource: 'TCPIP::localhost::5025::SOCKET',
          role: 'supply',
          firmware: '1.0',
          calibrated: '2026-02-03',
          settings: {},
        },
      ],
      channels: [{ id: 'supply/ch1.voltage', label: 'Rail', rateAskedHz: 10, rateGotHz: 9.75, range: '30 V' }],
    };
    const recorder = await start({ labels, about });
    recorder.streamOpened(POLLED);
    for (let row = 0; row < 11; row++) recorder.batch(polledBatch(row));
    await recorder.stop('');
    await using recording = await openRecording(join(folder, 'run.mcap'));
    expect(recording.info.members).toEqual(labels.members);
    const info = recordingInfo(recording);
    expect(info.row).toMatchObject({ operator: labels.operator, tags: labels.tags });
    expect(info).toMatchObject({ bench: about.bench, clock: about.clock, thinned: '' });
    expect(info.instruments[0]).toMatchObject({ firmware: '1.0', calibrated: '2026-02-03' });
    expect(info.channels).toMatchObject([
      { id: 'supply/ch1.voltage', rateHz: 10, rateGotHz: 9.75, range: '30 V' },
      // Nothing was said of it: asked is what the stream says, got what the rows say.
      { id: 'supply/ch1.current', rateHz: 10, rateGotHz: 10, range: '' },
    ]);
  });

  it('proves what its writer counted: a chunk that is gone with its digest is missed', async () => {
    const recorder = await start({ limits: { chunkBytes: 20_000 } });
    feed(recorder, 10);
    await recorder.stop('');
    await using recording = await openRecording(join(folder, 'run.mcap'));
    const [part] = recording.parts;
    expect(JSON.parse(part?.totals.get(`${STREAMED.key}#${STREAMED.epoch}`) ?? '')).toEqual({
      stream: STREAMED.key,
      epoch: STREAMED.epoch,
      firstRow: 0,
      endRow: 10_000,
      rows: 10_000,
      lost: 0,
      batches: 10,
    });
    // The last chunk with rows is cut out of the file with all that belongs to it: no record left contradicts that.
    const chunks = [...(part?.chunks ?? [])];
    const gone = chunks.findLastIndex(({ streams }) => streams.length > 0);
    const whole = await readFileBytes();
    const fewer = Buffer.concat([whole.subarray(0, chunks[gone]?.offset), whole.subarray(chunks[gone + 1]?.offset)]);
    await using other = await openRecording('/f/run.mcap', { disk: memoryDisk({ '/f/run.mcap': fewer }) });
    const report = await verifyRecording(other);
    expect(report.problems.join(' ')).toMatch(
      /the writer counted 10000 rows in 10 batches, 0 to 9999, 0 lost; there are/,
    );
  });
});
