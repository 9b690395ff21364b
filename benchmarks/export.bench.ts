import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { ExportChoices, ExportFormat } from '../src/contract/export-schema.ts';
import { BATCH_FLAG, createBatch } from '../src/core/batch.ts';
import { seededRandom } from '../src/core/seeded-random.ts';
import type { StreamInfo } from '../src/core/stream-info.ts';
import { exportFile } from '../src/engine/export/export-file.ts';
import { openRecorder } from '../src/engine/recording/recorder.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { countSamples } from './message-samples.ts';

/*
 * Exports one recording (8 channels of Float32 noise at 100 kS/s, and a supply polled at 10 Hz) in every format, each in a process of its own:
 * how fast, how large, and the most memory the process ever had. Every table's rows are counted; files of messages are read back, and must have every sample.
 *
 *     npm run bench export                          256 MiB
 *     npm run bench export -- --mib=2048            as large as asked
 *     npm run bench export -- --formats=csv,hdf5    some of them
 */
const CHANNELS = 8;
const ROWS = 8192;
const RATE_HZ = 100_000;
const POLL_HZ = 10;
const START_NS = 1_700_000_000_000_000_000n;
/** A process may hold so much, whatever the recording is; MiB. */
const MOST_MIB = 300;

const CASES: { name: string; format: ExportFormat; options?: ExportChoices; isSampled?: boolean }[] = [
  { name: 'csv', format: 'csv' },
  { name: 'csv-long', format: 'csv', options: { shape: 'long' } },
  { name: 'csv-interpolated', format: 'csv', options: { merge: 'interpolated' } },
  { name: 'jsonl', format: 'jsonl' },
  { name: 'json', format: 'json' },
  { name: 'parquet', format: 'parquet' },
  { name: 'parquet-zstd', format: 'parquet', options: { compression: 'zstd' } },
  { name: 'hdf5', format: 'hdf5' },
  { name: 'npy', format: 'npy' },
  { name: 'npz', format: 'npz' },
  { name: 'wav', format: 'wav', isSampled: true },
  { name: 'mcap', format: 'mcap' },
  { name: 'mcap-zstd', format: 'mcap', options: { compression: 'zstd' } },
  { name: 'svg', format: 'svg' },
  { name: 'png', format: 'png' },
  { name: 'lablink-jsonl', format: 'lablink-jsonl' },
  { name: 'lablink-json', format: 'lablink-json' },
  { name: 'lablink-csv', format: 'lablink-csv' },
  { name: 'lablink-binary', format: 'lablink-binary' },
  { name: 'lablink-jsonl-gzip', format: 'lablink-jsonl', options: { gzip: true, rotateBytes: 10_000_000 } },
];

const DAQ: StreamInfo = {
  id: 1,
  key: 'daq/data',
  instrument: 'daq',
  epoch: 1,
  kind: 'regular',
  columns: Array.from({ length: CHANNELS }, (_, index) => ({ channel: `ai${index}`, unit: 'V' })),
  rateHz: RATE_HZ,
};
const SUPPLY: StreamInfo = {
  id: 2,
  key: 'supply/polled',
  instrument: 'supply',
  epoch: 2,
  kind: 'timed',
  columns: [
    { channel: 'ch1.voltage', unit: 'V' },
    { channel: 'ch1.current', unit: 'A' },
    { channel: '~uncertainty', unit: 's' },
  ],
  rateHz: POLL_HZ,
};

interface Source {
  path: string;
  rows: number;
  samples: number;
  bytes: number;
}

async function record(folder: string, mib: number): Promise<Source> {
  const random = seededRandom(9);
  const about = {
    appVersion: 'bench',
    clock: { source: 'bench', offsetS: null, uncertaintyS: null },
    notes: '',
    operator: '',
    bench: '',
    instruments: [],
    channels: [],
  };
  const recorder = await openRecorder({ folder, name: 'run', clock: createSystemClock(), about });
  recorder.streamOpened(DAQ);
  recorder.streamOpened(SUPPLY);
  const batches = Math.ceil((mib * 2 ** 20) / (ROWS * CHANNELS * 4));
  const wave = Float32Array.from({ length: ROWS * 16 }, (_, row) => Math.sin(row * 1e-3) * 5 + random.normal() * 1e-2);
  let polls = 0;
  for (let index = 0; index < batches; index++) {
    const seq = index * ROWS;
    const t0Ns = START_NS + BigInt(seq) * BigInt(1e9 / RATE_HZ);
    const head = { stream: 1, rows: ROWS, channels: CHANNELS, flags: 0, seq, lost: 0, t0Ns, arrivedNs: t0Ns };
    const batch = createBatch({ ...head, dtS: 1 / RATE_HZ, xOriginS: 0 });
    for (const [channel, column] of batch.columns.entries()) {
      const from = ((index * 7 + channel * 3) % 15) * ROWS;
      column.set(wave.subarray(from, from + ROWS));
    }
    recorder.batch(batch);
    for (; polls / POLL_HZ < ((index + 1) * ROWS) / RATE_HZ; polls++) {
      const atNs = START_NS + BigInt(polls) * BigInt(1e9 / POLL_HZ) + 3n;
      const row = {
        stream: 2,
        rows: 1,
        channels: 3,
        flags: BATCH_FLAG.float64 | BATCH_FLAG.timed,
        seq: polls,
        lost: 0,
      };
      const poll = createBatch({ ...row, t0Ns: atNs, arrivedNs: atNs, dtS: 0, xOriginS: 0 });
      for (const [channel, column] of poll.columns.entries())
        column[0] = channel === 2 ? 1e-3 : Math.round(random.next() * 1e6) / 1e5;
      recorder.batch(poll);
    }
    while (recorder.stats.queueBytes > 64 << 20) await setImmediate();
  }
  const { paths, error } = await recorder.stop('');
  if (error || paths.length === 0) throw error ?? new Error('nothing was recorded');
  let bytes = 0;
  for (const path of paths) bytes += (await stat(path)).size;
  return { path: paths[0]!, rows: batches * ROWS + polls, samples: batches * ROWS * CHANNELS + polls * 2, bytes };
}

interface Figures {
  seconds: number;
  /** Of all threads. */
  cpuS: number;
  bytes: number;
  rows: number;
  paths: string[];
  startMib: number;
  peakMib: number;
}

/** One export in this process. */
async function exportHere(name: string, path: string, out: string): Promise<void> {
  const { format, options, isSampled } = CASES.find((one) => one.name === name)!;
  const startMib = process.memoryUsage.rss() / 2 ** 20;
  const start = performance.now();
  const channels = isSampled ? { channels: DAQ.columns.map(({ channel }) => `daq/${channel}`) } : {};
  const { rows, bytes, paths } = await exportFile({ path, out, format, options, ...channels });
  const seconds = (performance.now() - start) / 1000;
  // Kilobytes, of the whole life of the process.
  const peakMib = process.resourceUsage().maxRSS / 1024;
  const { user, system } = process.cpuUsage();
  const cpuS = (user + system) / 1e6;
  console.log(JSON.stringify({ seconds, cpuS, bytes, rows, paths, startMib, peakMib } satisfies Figures));
}

function exportApart(name: string, source: Source, folder: string): Figures {
  const out = outOf(folder, name);
  const args = ['--enable-source-maps', process.argv[1]!, '--child', name, source.path, out];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 24 });
  if (status !== 0) throw new Error(`${name}: ${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

function outOf(folder: string, name: string): string {
  return join(folder, `out-${name}.${name.startsWith('mcap') ? 'mcap' : 'out'}`);
}

function option(name: string): string | undefined {
  return process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
}

async function main(): Promise<void> {
  const mib = Number(option('mib') ?? 256);
  const wanted = option('formats')?.split(',');
  const folder = await mkdtemp(join(tmpdir(), 'labwire-bench-export-'));
  try {
    const source = await record(folder, mib);
    console.log(
      `\nexport: ${(source.samples / 1e6).toFixed(1)} M samples, ${(source.bytes / 2 ** 20).toFixed(0)} MiB recorded (${(source.bytes / source.samples).toFixed(2)} bytes a sample)`,
    );
    const lines: string[][] = [['format', 'MS/s', 'MS/CPU s', 'MB/s', 'bytes/sample', 'start MiB', 'peak MiB', 'rows']];
    let isMet = true;
    for (const { name, format } of CASES) {
      if (wanted && !wanted.includes(name)) continue;
      const { seconds, cpuS, bytes, rows, paths, startMib, peakMib } = exportApart(name, source, folder);
      if (format.startsWith('lablink-')) {
        const samples = await countSamples(format, paths);
        if (samples !== source.samples) throw new Error(`${name} holds ${samples} samples of ${source.samples}`);
      }
      const perSecond = (value: number): string => (value / seconds / 1e6).toFixed(1);
      const size = (bytes / source.samples).toFixed(2);
      lines.push([
        name,
        perSecond(source.samples),
        (source.samples / cpuS / 1e6).toFixed(1),
        perSecond(bytes),
        size,
        startMib.toFixed(0),
        peakMib.toFixed(0),
        String(rows),
      ]);
      if (peakMib > MOST_MIB) isMet = false;
      for (const path of paths) await rm(path, { force: true });
    }
    const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
    for (const line of lines)
      console.log(
        line
          .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
          .join('  '),
      );
    console.log(`peak of every format ≤ ${MOST_MIB} MiB: ${isMet ? 'met' : 'MISSED'}`);
    process.exitCode = isMet ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const child = process.argv.indexOf('--child');
if (child > 0) await exportHere(process.argv[child + 1]!, process.argv[child + 2]!, process.argv[child + 3]!);
else await main();
