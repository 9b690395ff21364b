import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pyramidPath } from '../src/engine/recording/pyramid-layout.ts';
import { openRecording } from '../src/engine/recording/recording.ts';
import { median, printBench } from './bench-table.ts';
import { POLLED, RATE_HZ, recordFast, recordPolled, START_NS, timeOf } from './zoom-recording.ts';
import { type Look, lookInto, type View, type Views } from './zoom-view.ts';

/*
 * Looks into a recording of one channel at 1 MS/s, 200 million samples or as many as `--samples=1000000000` says (4 bytes each in
 * `--folder=`, by default the system's for temporary files), and into a night of four instruments polled at 10 Hz: 36,000 chunks. Each view of 1,200 columns is
 * painted (opened, read, ready for the screen) by a fresh process, cold where the system lets its cache be dropped, then again warm, and compared with
 * reading the file through. What is seen is checked against how the signal was made.
 */
const WIDTH = 1200;
const NIGHT_ROWS = 288_000;
const PASSES = 3;
const run = promisify(execFile);

interface Measured extends Look {
  name: string;
}

function option(name: string): string | undefined {
  return process.argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3);
}

const child = option('look');
if (child === undefined) await main();
else console.log(JSON.stringify(await lookInto(JSON.parse(child) as Views)));

async function main(): Promise<void> {
  const samples = Number(option('samples') ?? 200_000_000);
  const folder = await mkdtemp(join(option('folder') ?? tmpdir(), 'labwire-bench-zoom-'));
  try {
    const fast = await recordFast(folder, samples);
    const night = await recordPolled(folder, NIGHT_ROWS);
    const sidecarBytes = await sidecarBytesOf(fast);
    const isCold = await dropCaches();
    const fastLooks = await looks(fast, fastViews(samples));
    const nightLooks = await looks(night, nightViews());
    const rescan = await rescanFiles(fast);
    process.exitCode = report(samples, { fastLooks, nightLooks, rescan, sidecarBytes, isCold }) ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Sizes of views are odd on purpose: nothing is aligned. */
function fastViews(samples: number): View[] {
  const part = (name: string, rows: number): View => {
    const from = Math.floor((samples - rows) * 0.618);
    return { name, fromNs: String(timeOf(from)), toNs: String(timeOf(from + rows)), width: WIDTH, raw: false };
  };
  return [
    part('all of it', samples),
    part('10 %', Math.floor(samples * 0.1) + 7),
    part('1 %', Math.floor(samples * 0.01) + 7),
    part('0.1 %', Math.floor(samples * 0.001) + 7),
    part('0.01 %', Math.floor(samples * 0.0001) + 7),
    { ...part('2,400 rows', 2400), raw: true },
  ];
}

function nightViews(): View[] {
  const part = (name: string, seconds: number): View => {
    const fromNs = START_NS + BigInt(Math.floor((NIGHT_ROWS / 10 - seconds) * 0.618 * 1e9));
    return { name, fromNs: String(fromNs), toNs: String(fromNs + BigInt(seconds * 1e9)), width: WIDTH, raw: false };
  };
  return [
    part('night: all of it', NIGHT_ROWS / 10),
    part('night: 2 h', 7200),
    part('night: 15 min', 900),
    { ...part('night: 3 min of rows', 180), raw: true },
  ];
}

/** The recorder has written them. */
async function sidecarBytesOf(path: string): Promise<number> {
  await using recording = await openRecording(path);
  const sizes = await Promise.all(recording.parts.map((part) => stat(pyramidPath(part.path))));
  if (recording.parts.some(({ pyramid }) => pyramid.unstored)) throw new Error('a sidecar is not sound');
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

/** Each view in processes of its own, so that nothing is warm but what the system keeps. */
async function looks(path: string, views: View[]): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const view of views) {
    const passes: Look[] = [];
    for (let pass = 0; pass < PASSES; pass++) {
      await dropCaches();
      const task: Views = { path, view, stream: path.includes('polled') ? (POLLED[1]?.key ?? '') : 'scope/data' };
      const program = fileURLToPath(import.meta.url);
      const { stdout } = await run(process.execPath, ['--expose-gc', program, `--look=${JSON.stringify(task)}`]);
      passes.push(JSON.parse(stdout) as Look);
    }
    const of = (value: (look: Look) => number): number => median(passes.map(value));
    measured.push({
      name: view.name,
      openMs: of((look) => look.openMs),
      coldMs: of((look) => look.coldMs),
      warmMs: of((look) => look.warmMs),
      heldMb: of((look) => look.heldMb),
      columns: of((look) => look.columns),
      frameBytes: of((look) => look.frameBytes),
    });
  }
  return measured;
}

/** Gives whether the system let its cache be dropped (root on Linux). */
async function dropCaches(): Promise<boolean> {
  const control = '/proc/sys/vm/drop_caches';
  if (!existsSync(control)) return false;
  return writeFile(control, '3').then(
    () => true,
    () => false,
  );
}

/** The least a program without an index must do: read all and look at each sample; ms, warm. In the table it stands for 10⁹ samples. */
async function rescanFiles(path: string): Promise<number> {
  await using recording = await openRecording(path);
  const times: number[] = [];
  const buffer = new ArrayBuffer(4 << 20);
  const bytes = new Uint8Array(buffer);
  const values = new Float32Array(buffer);
  for (let pass = 0; pass < 2; pass++) {
    const start = performance.now();
    let low = 0;
    let high = 0;
    for (const part of recording.parts) {
      const file = await open(part.path, 'r');
      for (let at = 0; ; ) {
        const { bytesRead } = await file.read(bytes, 0, bytes.byteLength, at);
        if (bytesRead === 0) break;
        at += bytesRead;
        const count = bytesRead >> 2;
        for (let index = 0; index < count; index++) {
          const value = values[index]!;
          if (value < low) low = value;
          if (value > high) high = value;
        }
      }
      await file.close();
    }
    times.push(performance.now() - start);
    if (!(high > low)) throw new Error('the rescan saw nothing');
  }
  return times.at(-1) ?? Number.NaN;
}

interface Results {
  fastLooks: Measured[];
  nightLooks: Measured[];
  rescan: number;
  sidecarBytes: number;
  isCold: boolean;
}

function report(samples: number, { fastLooks, nightLooks, rescan, sidecarBytes, isCold }: Results): boolean {
  const rawMb = (samples * 4) / 2 ** 20;
  const rows = [...fastLooks, ...nightLooks].map(({ name, coldMs, openMs }) => ({
    what: `${name}: opened and painted, ${isCold ? 'cold' : 'cache not dropped'} (open ${openMs.toFixed(1)})`,
    unit: 'ms',
    us: coldMs,
    peer: 'goal of 100 ms',
    theirs: 100,
    atMost: 1,
  }));
  const warm = fastLooks.map(({ name, warmMs }) => ({
    what: `${name}: painted again`,
    unit: 'ms',
    us: warmMs,
    peer: 'reading 10⁹ samples through, warm',
    theirs: rescan * (1e9 / samples),
    atMost: 1 / 200,
  }));
  const memory = {
    what: 'memory held after opening and painting, most of all views',
    unit: 'MiB',
    us: Math.max(...fastLooks.map(({ heldMb }) => heldMb)),
    peer: 'the samples',
    theirs: rawMb,
    atMost: 0.04,
  };
  const disk = {
    what: 'sidecars on disk',
    unit: 'MiB',
    us: sidecarBytes / 2 ** 20,
    peer: 'the samples',
    theirs: rawMb,
    atMost: 0.04,
  };
  const title = `zoom: ${samples} samples at ${RATE_HZ / 1e6} MS/s and a night of 36,000 chunks, ${WIDTH} columns, medians of ${PASSES} processes`;
  return printBench(title, [...rows, ...warm, memory, disk]);
}
