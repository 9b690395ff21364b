import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import type { AlarmRule } from '../src/contract/alarm-schema.ts';
import { type Batch, createBatch } from '../src/core/batch.ts';
import type { StreamInfo } from '../src/core/stream-info.ts';
import { SampleFan } from '../src/engine/acquisition/sample-fan.ts';
import { openRecorder } from '../src/engine/recording/recorder.ts';
import { openRecording } from '../src/engine/recording/recording.ts';
import { Replay } from '../src/engine/replay/replay.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { median, printBench } from './bench-table.ts';

/*
 * Replays a recording as fast as it goes (read, checked, history with pyramid, a rule), against reading its batches and throwing them away (the limit).
 * Twice: a digitizer in large batches, and ten streams in batches of 16 ms as the engine makes them. Beside it the longest time nobody else could run.
 */
const PASSES = 3;
const startNs = BigInt(Date.now()) * 1_000_000n;
const about = {
  appVersion: 'bench',
  clock: { source: 'bench', offsetS: null, uncertaintyS: null },
  notes: '',
  operator: '',
  bench: '',
  instruments: [],
  channels: [],
};

interface Shape {
  name: string;
  streams: number;
  channels: number;
  rateHz: number;
  rows: number;
  batches: number;
}

const LARGE: Shape = { name: 'large', streams: 1, channels: 8, rateHz: 1_000_000, rows: 8192, batches: 400 };
const MANY: Shape = { name: 'many', streams: 10, channels: 2, rateHz: 100_000, rows: 1600, batches: 1000 };

const rule: AlarmRule = {
  id: 'rule',
  name: 'rule',
  channel: 'daq0/ai0',
  condition: { kind: 'above', limit: 1e9 },
  hysteresis: 0,
  delayS: 0,
  latch: false,
  severity: 'info',
  actions: [],
  enabled: true,
};

function infoOf({ channels, rateHz }: Shape, index: number): StreamInfo {
  const columns = Array.from({ length: channels }, (_, channel) => ({ channel: `ai${channel}`, unit: 'V' }));
  return {
    id: index + 1,
    key: `daq${index}/data`,
    instrument: `daq${index}`,
    epoch: index + 1,
    kind: 'regular',
    columns,
    rateHz,
  };
}

function batchOf({ rows, channels, rateHz }: Shape, stream: number, index: number): Batch {
  const seq = index * rows;
  const t0Ns = startNs + BigInt(Math.round((seq / rateHz) * 1e9));
  const batch = createBatch({
    stream,
    rows,
    channels,
    flags: 0,
    seq,
    lost: 0,
    t0Ns,
    arrivedNs: t0Ns,
    dtS: 1 / rateHz,
    xOriginS: 0,
  });
  batch.columns.forEach((column, channel) => {
    for (let row = 0; row < rows; row++) column[row] = Math.sin((seq + row) * 1e-4 + channel);
  });
  return batch;
}

async function record(folder: string, shape: Shape): Promise<string> {
  const recorder = await openRecorder({ folder, name: shape.name, clock: createSystemClock(), about });
  for (let stream = 0; stream < shape.streams; stream++) recorder.streamOpened(infoOf(shape, stream));
  for (let index = 0; index < shape.batches; index++) {
    for (let stream = 1; stream <= shape.streams; stream++) recorder.batch(batchOf(shape, stream, index));
    while (recorder.stats.queueBytes > 64 << 20) await setImmediate();
  }
  const { error } = await recorder.stop('');
  if (error) throw error;
  return join(folder, `${shape.name}.mcap`);
}

const samplesOf = ({ streams, channels, rows, batches }: Shape): number => streams * channels * rows * batches;

async function readAll(path: string, shape: Shape): Promise<number> {
  await using recording = await openRecording(path);
  const start = performance.now();
  let samples = 0;
  for await (const batch of recording.batches()) samples += batch.rows * batch.channels;
  const seconds = (performance.now() - start) / 1000;
  if (samples !== samplesOf(shape)) throw new Error('the recording is not whole');
  return samples / seconds / 1e6;
}

interface Played {
  rate: number;
  /** Longest delay of the event loop but the worst hundredth, ms. */
  delayMs: number;
  speed: number;
}

async function replay(path: string, shape: Shape): Promise<Played> {
  const recording = await openRecording(path);
  const clock = createSystemClock();
  let samples = 0;
  let settle = (): void => {};
  const ended = new Promise<void>((resolve) => {
    settle = resolve;
  });
  await using playing = await Replay.open({
    id: 'replay-1',
    recording,
    clock,
    live: new SampleFan(),
    firstStream: 1000,
    rules: () => [rule],
    changed: ({ state }) => {
      if (state === 'ended' || state === 'failed') settle();
    },
    compute: () => ({
      streamOpened: () => {},
      batch: (batch) => {
        samples += batch.rows * batch.channels;
      },
      gap: () => {},
      streamClosed: () => {},
      [Symbol.dispose]: () => {},
    }),
  });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  await playing.set({ speed: 'max', play: true });
  await ended;
  const seconds = (performance.now() - start) / 1000;
  delay.disable();
  if (samples !== samplesOf(shape)) throw new Error(`${samples} samples came, not ${samplesOf(shape)}`);
  return {
    rate: samples / seconds / 1e6,
    delayMs: delay.percentile(99) / 1e6,
    speed: (shape.rows * shape.batches) / shape.rateHz / seconds,
  };
}

const rows: Parameters<typeof printBench>[1][number][] = [];
const folder = await mkdtemp(join(tmpdir(), 'labwire-bench-replay-'));
try {
  for (const shape of [LARGE, MANY]) {
    const path = await record(folder, shape);
    const read: number[] = [];
    const played: Played[] = [];
    for (let pass = 0; pass < PASSES; pass++) {
      read.push(await readAll(path, shape));
      played.push(await replay(path, shape));
    }
    const what = `${shape.streams} × ${shape.channels} channels, batches of ${shape.rows}: replay at max`;
    const rate = median(played.map((each) => each.rate));
    rows.push({ what, unit: 'MS/s', us: rate, peer: 'reading and throwing away', theirs: median(read), atLeast: 0.1 });
    rows.push({ what, unit: 'MS/s', us: rate, peer: 'goal of 10 MS/s', theirs: 10, atLeast: 1 });
    rows.push({
      what: 'speed reached',
      unit: '×',
      us: median(played.map((each) => each.speed)),
      peer: 'as measured',
      theirs: 1,
      atLeast: 1,
    });
    rows.push({
      what: 'others wait, 99 of 100',
      unit: 'ms',
      us: median(played.map((each) => each.delayMs)),
      peer: 'a flush of the screens',
      theirs: 16,
    });
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = printBench(`replay: median of ${PASSES} passes`, rows) ? 0 : 1;
