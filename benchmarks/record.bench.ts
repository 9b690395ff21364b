import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { ChunkCompression } from '../src/contract/recording-schema.ts';
import { BATCH_FLAG, type Batch, copyBatch, createBatch } from '../src/core/batch.ts';
import type { StreamInfo } from '../src/core/stream-info.ts';
import { openRecorder } from '../src/engine/recording/recorder.ts';
import { openRecording } from '../src/engine/recording/recording.ts';
import { verifyRecording } from '../src/engine/recording/verify.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { median, printBench } from './bench-table.ts';

/*
 * Records 8 channels of Float64 in batches of 8 Ki rows, as fast as they are taken, against writing the same bytes (the limit: plain, and with the
 * same fdatasync each 4 MiB) and against JSON lines, a row each (what most logging programs do); then with packed chunks, on noisy samples and on
 * counts of a 12-bit converter, and with plain messages. Every file is read back or measured.
 */
const CHANNELS = 8;
const ROWS = 8192;
const RATE_HZ = 1_000_000;
const DISTINCT = 32;
const BATCHES = 1024;
const PASSES = 3;
const SYNC_BYTES = 4 << 20;
const JSON_ROWS = 400_000;

const INFO: StreamInfo = {
  id: 1,
  key: 'daq/data',
  instrument: 'daq',
  epoch: 1,
  kind: 'regular',
  columns: Array.from({ length: CHANNELS }, (_, index) => ({ channel: `ai${index}`, unit: 'V' })),
  rateHz: RATE_HZ,
};

const startNs = BigInt(Date.now()) * 1_000_000n;

function makeBatch(index: number): Batch {
  const seq = index * ROWS;
  const t0Ns = startNs + BigInt(Math.round((seq / RATE_HZ) * 1e9));
  const batch = createBatch({
    stream: 1,
    rows: ROWS,
    channels: CHANNELS,
    flags: BATCH_FLAG.float64,
    seq,
    lost: 0,
    t0Ns,
    arrivedNs: t0Ns,
    dtS: 1 / RATE_HZ,
    xOriginS: 0,
  });
  batch.columns.forEach((column, channel) => {
    for (let row = 0; row < ROWS; row++) column[row] = Math.sin((seq + row) * 1e-4 + channel) + Math.random() * 1e-3;
  });
  return batch;
}

/** Batches are made ahead; the header of each is set anew when it comes round again, in a buffer of its own, as a source would. */
const distinct = Array.from({ length: DISTINCT }, (_, index) => makeBatch(index));

/** The same as a 12-bit converter of ±5 V gives it: what packing is for. */
const quantized = distinct.map((batch) => {
  const copy = copyBatch(batch);
  for (const column of copy.columns)
    for (let row = 0; row < ROWS; row++) column[row] = Math.round(column[row]! * 409.6) / 409.6;
  return copy;
});

function batchAt(index: number, isQuantized = false): Batch {
  const model = (isQuantized ? quantized : distinct)[index % DISTINCT]!;
  const seq = index * ROWS;
  const t0Ns = startNs + BigInt(Math.round((seq / RATE_HZ) * 1e9));
  const view = new DataView(model.buffer);
  view.setUint32(24, seq, true);
  view.setBigInt64(40, t0Ns, true);
  return { ...model, seq, t0Ns };
}

const samples = BATCHES * ROWS * CHANNELS;
const bytes = BATCHES * distinct[0]!.buffer.byteLength;

async function writeRaw(path: string, syncBytes: number): Promise<number> {
  const file = await open(path, 'wx');
  const start = performance.now();
  let unsynced = 0;
  for (let index = 0; index < BATCHES; index++) {
    const { buffer } = batchAt(index);
    unsynced += (await file.write(new Uint8Array(buffer))).bytesWritten;
    if (unsynced >= syncBytes) {
      await file.datasync();
      unsynced = 0;
    }
  }
  const seconds = (performance.now() - start) / 1000;
  await file.close();
  if ((await stat(path)).size !== bytes) throw new Error('the raw file is not as long as it must be');
  return samples / seconds / 1e6;
}

interface Recorded {
  rate: number;
  /** Of the file, of what its batches take. */
  size: number;
  /** CPU of the whole process, s per s. */
  cpu: number;
}

interface Choice {
  compression?: ChunkCompression;
  plainMessages?: boolean;
  /** Samples of a 12-bit converter instead of noisy ones. */
  isQuantized?: boolean;
}

async function record(folder: string, choice: Choice = {}): Promise<Recorded> {
  const about = {
    appVersion: 'bench',
    clock: { source: 'bench', offsetS: null, uncertaintyS: null },
    notes: '',
    operator: '',
    bench: '',
    instruments: [],
    channels: [],
  };
  const { compression, plainMessages, isQuantized = false } = choice;
  const options = { folder, name: 'run', clock: createSystemClock(), about, compression, plainMessages };
  const recorder = await openRecorder(options);
  recorder.streamOpened(INFO);
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let index = 0; index < BATCHES; index++) {
    // A batch borrowed by the recorder must not change before it is written.
    while (recorder.stats.queueBytes > (DISTINCT - 4) * distinct[0]!.buffer.byteLength) await setImmediate();
    recorder.batch(batchAt(index, isQuantized));
    if (index % 8 === 0) await setImmediate();
  }
  const { stats, error } = await recorder.stop('');
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(cpu);
  if (error || stats.lost !== 0 || stats.samples !== samples) throw error ?? new Error('samples are missing');
  return { rate: samples / seconds / 1e6, size: stats.bytes / bytes, cpu: (used.user + used.system) / 1e6 / seconds };
}

async function checkRecording(path: string): Promise<void> {
  await using recording = await openRecording(path);
  const report = await verifyRecording(recording);
  if (!report.ok || report.samples !== samples)
    throw new Error(`the recording is not sound: ${report.problems.join(' ')}`);
}

async function writeJsonRows(path: string): Promise<number> {
  const out = createWriteStream(path);
  const start = performance.now();
  const values = new Array<number>(CHANNELS);
  for (let row = 0; row < JSON_ROWS; row++) {
    const batch = distinct[Math.floor(row / ROWS) % DISTINCT]!;
    for (let channel = 0; channel < CHANNELS; channel++) values[channel] = batch.columns[channel]![row % ROWS]!;
    const line = `${JSON.stringify({ t: new Date(Date.now()).toISOString(), seq: row, values })}\n`;
    if (!out.write(line)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
  const seconds = (performance.now() - start) / 1000;
  if ((await stat(path)).size < JSON_ROWS * CHANNELS * 8) throw new Error('the JSON lines are too short');
  return (JSON_ROWS * CHANNELS) / seconds / 1e6;
}

const CHOICES: Record<string, Choice> = {
  'lz4, noisy samples': { compression: 'lz4' },
  'zstd, noisy samples': { compression: 'zstd' },
  'lz4, 12 bits': { compression: 'lz4', isQuantized: true },
  'zstd, 12 bits': { compression: 'zstd', isQuantized: true },
  'plain messages, 1000 a second': { plainMessages: true },
};
const chosen = new Map(Object.keys(CHOICES).map((name) => [name, [] as Recorded[]]));

const results = {
  raw: [] as number[],
  synced: [] as number[],
  ours: [] as number[],
  cpu: [] as number[],
  json: [] as number[],
};
for (let pass = 0; pass < PASSES; pass++) {
  const folder = await mkdtemp(join(tmpdir(), 'labwire-bench-record-'));
  try {
    results.raw.push(await writeRaw(join(folder, 'raw'), Number.POSITIVE_INFINITY));
    await rm(join(folder, 'raw'));
    results.synced.push(await writeRaw(join(folder, 'synced'), SYNC_BYTES));
    await rm(join(folder, 'synced'));
    const ours = await record(folder);
    results.ours.push(ours.rate);
    results.cpu.push(ours.cpu);
    await checkRecording(join(folder, 'run.mcap'));
    for (const file of await readdir(folder)) await rm(join(folder, file));
    results.json.push(await writeJsonRows(join(folder, 'rows.jsonl')));
    for (const [name, choice] of Object.entries(CHOICES)) {
      chosen.get(name)?.push(await record(folder, choice));
      await checkRecording(join(folder, 'run.mcap'));
      for (const file of await readdir(folder)) await rm(join(folder, file));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const percent = (shares: number[]): string => `${Math.round(median(shares) * 100)} %`;
const raw = median(results.raw);
const ours = median(results.ours);
const json = median(results.json);
const synced = median(results.synced);
const head = { what: 'Labwire recorder: MCAP, CRC, digests, fdatasync', unit: 'MS/s', us: ours };
const isMet = printBench(
  `record: ${CHANNELS} channels Float64, ${(bytes / 2 ** 20).toFixed(0)} MiB, median of ${PASSES} passes, CPU ${(median(results.cpu) * 100).toFixed(0)} % of a core`,
  [
    { ...head, peer: 'goal of 40 MS/s', theirs: 40, atLeast: 1 },
    { ...head, peer: 'raw writes, no sync', theirs: raw, atLeast: 0.18 },
    { ...head, peer: 'raw writes, fdatasync each 4 MiB', theirs: synced },
    { ...head, peer: 'JSON lines, a row each, no sync', theirs: json, atLeast: 20 },
    ...[...chosen].map(([name, runs]) => ({
      what: `Labwire recorder: ${name} (file ${percent(runs.map(({ size }) => size))}, CPU ${percent(runs.map(({ cpu }) => cpu))})`,
      unit: 'MS/s',
      us: median(runs.map(({ rate }) => rate)),
      peer: 'raw writes, fdatasync each 4 MiB',
      theirs: synced,
    })),
  ],
);
process.exitCode = isMet ? 0 : 1;
