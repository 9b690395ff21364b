import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { seededRandom } from '../src/core/seeded-random.ts';
import { RegularStream } from '../src/engine/acquisition/regular-stream.ts';
import { SampleFan } from '../src/engine/acquisition/sample-fan.ts';
import { StreamRegistry } from '../src/engine/acquisition/stream-registry.ts';
import { TimedStream } from '../src/engine/acquisition/timed-stream.ts';
import { FlightRecorder } from '../src/engine/flight/flight-recorder.ts';
import { History } from '../src/engine/history/history.ts';
import { openRecording } from '../src/engine/recording/recording.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { type BenchRow, median, printBench } from './bench-table.ts';

/*
 * What the flight recorder costs all the time: processor time of the process while samples come into the history of the live screens, at their own
 * pace, with the flight recorder beside it and without, by turns. Its files are finished within the time measured. All rows must be in them.
 *
 *     npm run bench flight
 *     npm run bench flight -- --seconds=60 --passes=1
 */
const STEP_MS = 50;
/** Of a core, for what runs always. */
const MOST_FAST = 0.05;
const MOST_SLOW = 0.02;

interface Load {
  name: string;
  /** Of each of ten instruments; more than one row a step is a digitizer, less a meter that is polled. */
  rateHz: number;
  most: number;
}

const LOADS: Load[] = [
  { name: '10 × 100 kS/s', rateHz: 100_000, most: MOST_FAST },
  { name: '10 × 10 Hz', rateHz: 10, most: MOST_SLOW },
];

interface Cost {
  /** CPU of the whole process, s per s. */
  cpu: number;
  /** Written by the flight recorder, bytes a second. */
  bytes: number;
}

async function run({ rateHz }: Load, seconds: number, isFlying: boolean): Promise<Cost> {
  const folder = await mkdtemp(join(tmpdir(), 'labwire-bench-flight-'));
  const clock = createSystemClock();
  const fan = new SampleFan();
  fan.add(new History());
  const flight = new FlightRecorder({
    folder,
    clock,
    settings: () => ({ flight: true, flightBytes: 2 * 1024 ** 3, flightHours: 0, diskReserveBytes: 0 }),
    about: () => ({
      appVersion: 'bench',
      clock: { source: 'bench', offsetS: null, uncertaintyS: null },
      notes: '',
      operator: '',
      bench: '',
      instruments: [],
      channels: [],
    }),
    onChange: () => undefined,
    tell: ({ text }) => {
      throw new Error(text);
    },
  });
  try {
    if (isFlying) {
      fan.add(flight);
      await flight.start();
    }
    const streams = openStreams(fan, rateHz);
    const used = process.cpuUsage();
    const startMs = performance.now();
    for (let step = 1; step * STEP_MS <= seconds * 1000; step++) {
      const dueMs = startMs + step * STEP_MS - performance.now();
      if (dueMs > 0) await setTimeout(dueMs);
      for (const { send } of streams) send(step);
    }
    for (const { end } of streams) end();
    await flight[Symbol.asyncDispose]();
    const { user, system } = process.cpuUsage(used);
    const tookS = (performance.now() - startMs) / 1000;
    if (isFlying) await checkRows(flight, Math.floor(seconds * rateHz) * 10);
    return { cpu: (user + system) / 1e6 / tookS, bytes: flight.ring.bytes / tookS };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Ten instruments; each call sends what came in one step. */
function openStreams(fan: SampleFan, rateHz: number): { send: (step: number) => void; end: () => void }[] {
  const clock = createSystemClock();
  const place = { registry: new StreamRegistry(fan, clock), sink: fan, clock };
  const random = seededRandom(1);
  const rows = Math.floor((rateHz * STEP_MS) / 1000);
  return Array.from({ length: 10 }, (_, index) => {
    const about = { instrument: `i${index}`, stream: 'data', columns: [{ channel: 'ch1', unit: 'V' }], rateHz };
    if (rows >= 1) {
      const stream = new RegularStream(place, { ...about, float64: false });
      const columns = [Float32Array.from({ length: rows }, () => random.normal())];
      return {
        send: () => stream.add({ columns, rows, lost: 0, arrivedNs: clock.nowNs() }),
        end: () => stream[Symbol.dispose](),
      };
    }
    const stream = new TimedStream(place, about);
    const steps = Math.round(1000 / STEP_MS / rateHz);
    return {
      send: (step) => {
        if (step % steps === 0) stream.add([random.normal()], clock.nowNs() - 1_000_000n, clock.nowNs());
      },
      end: () => stream[Symbol.dispose](),
    };
  });
}

async function checkRows(flight: FlightRecorder, expected: number): Promise<void> {
  const parts = flight.ring.parts.map(({ path }) => path);
  await using recording = await openRecording(parts[0] ?? '', { parts });
  const rows = recording.streams.reduce((sum, stream) => sum + stream.rows, 0);
  if (rows !== expected) throw new Error(`${rows} rows are in the files of the flight recorder, not ${expected}`);
}

function option(name: string): number | undefined {
  const found = process.argv.find((arg) => arg.startsWith(`--${name}=`));
  return found === undefined ? undefined : Number(found.slice(name.length + 3));
}

const seconds = option('seconds') ?? 20;
const passes = option('passes') ?? 3;
const rows: BenchRow[] = [];
for (const load of LOADS) {
  const costs: number[] = [];
  const bare: number[] = [];
  const bytes: number[] = [];
  // Compiling is no cost of what runs always.
  for (const isFlying of [false, true]) await run(load, 2, isFlying);
  for (let pass = 0; pass < passes; pass++) {
    const without = await run(load, seconds, false);
    const flown = await run(load, seconds, true);
    costs.push(flown.cpu - without.cpu);
    bare.push(without.cpu);
    bytes.push(flown.bytes);
  }
  const what = `${load.name}: the flight recorder (${(median(bytes) / 1e6).toPrecision(2)} MB/s)`;
  const head = { what, unit: '% of a core', us: 100 * median(costs) };
  rows.push({ ...head, peer: 'samples and history without it', theirs: 100 * median(bare) });
  rows.push({ ...head, peer: 'goal', theirs: 100 * load.most, atMost: 1 });
}
const isMet = printBench(`flight: processor time, ${seconds} s each, median of ${passes} passes`, rows);
process.exitCode = isMet ? 0 : 1;
