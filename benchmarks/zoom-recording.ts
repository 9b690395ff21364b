import { setImmediate } from 'node:timers/promises';
import { BATCH_FLAG, type Batch, createBatch } from '../src/core/batch.ts';
import { ManualClock } from '../src/core/clock.ts';
import type { StreamInfo } from '../src/core/stream-info.ts';
import { openRecorder } from '../src/engine/recording/recorder.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';

/** The recordings that `zoom` looks into, and what must be seen in them. */

export const RATE_HZ = 1_000_000;
export const START_NS = 1_700_000_000_000_000_000n;
const ROWS = 8192;
/** The signal repeats after so many rows, except for spikes: one each SPIKE_ROWS, each higher than all before. */
const PATTERN_ROWS = 65_536;
const SPIKE_ROWS = 1_000_003;
const ABOUT = {
  appVersion: 'bench',
  clock: { source: 'bench', offsetS: null, uncertaintyS: null },
  notes: '',
  operator: '',
  bench: '',
  instruments: [],
  channels: [],
};

export const FAST: StreamInfo = {
  id: 1,
  key: 'scope/data',
  instrument: 'scope',
  epoch: 1,
  kind: 'regular',
  columns: [{ channel: 'ch1', unit: 'V' }],
  rateHz: RATE_HZ,
};

/** Value of a row of the pattern: exact in Float32, below 512. */
function patternAt(row: number): number {
  return ((row * 40_503) % PATTERN_ROWS) / 256 + 256 * Math.sin((row / PATTERN_ROWS) * 2 * Math.PI);
}

const pattern = Float32Array.from({ length: PATTERN_ROWS }, (_, row) => patternAt(row));

/** Records so many rows at 1 MS/s, as fast as the recorder takes them; gives the path of its first file. */
export async function recordFast(folder: string, count: number): Promise<string> {
  const recorder = await openRecorder({ folder, name: 'fast', clock: createSystemClock(), about: ABOUT });
  recorder.streamOpened(FAST);
  const pool = Array.from({ length: 512 }, (_, index) => makeBatch((index * ROWS) % PATTERN_ROWS));
  const poolBytes = pool.length * (pool[0]?.buffer.byteLength ?? 0);
  for (let seq = 0, index = 0; seq < count; seq += ROWS, index++) {
    const firstSpike = Math.ceil(Math.max(1, seq) / SPIKE_ROWS);
    // A batch borrowed by the recorder must not change before it is written.
    while (recorder.stats.queueBytes > poolBytes / 2) await setImmediate();
    const hasSpike = firstSpike * SPIKE_ROWS < seq + ROWS;
    const batch = hasSpike ? makeBatch(seq % PATTERN_ROWS) : pool[index % pool.length]!;
    for (let spike = firstSpike; spike * SPIKE_ROWS < seq + ROWS; spike++) {
      batch.columns[0]![spike * SPIKE_ROWS - seq] = 1000 + spike;
    }
    recorder.batch(placed(batch, seq));
    if (index % 16 === 0) await setImmediate();
  }
  const { paths, error } = await recorder.stop('');
  if (error) throw error;
  return paths[0]!;
}

function makeBatch(row: number): Batch {
  const head = { stream: FAST.id, rows: ROWS, channels: 1, flags: 0, seq: 0, lost: 0, t0Ns: 0n, arrivedNs: 0n };
  const batch = createBatch({ ...head, dtS: 1 / RATE_HZ, xOriginS: 0 });
  batch.columns[0]!.set(pattern.subarray(row, row + ROWS) as Float32Array<ArrayBuffer>);
  return batch;
}

function placed(batch: Batch, seq: number): Batch {
  const t0Ns = timeOf(seq);
  const view = new DataView(batch.buffer);
  view.setUint32(24, seq % 2 ** 32, true);
  view.setUint32(28, Math.floor(seq / 2 ** 32), true);
  view.setBigInt64(40, t0Ns, true);
  view.setBigInt64(48, t0Ns, true);
  return { ...batch, seq, t0Ns, arrivedNs: t0Ns };
}

export function timeOf(row: number): bigint {
  return START_NS + BigInt(row) * BigInt(1e9 / RATE_HZ);
}

const patternMin = pattern.reduce((low, value) => Math.min(low, value));
const patternMax = pattern.reduce((high, value) => Math.max(high, value));

/** Min and max of the rows [from, to), worked out from how the signal is made. */
export function expectedExtent(from: number, to: number): { min: number; max: number } {
  let min = patternMin;
  let max = patternMax;
  // A spike hides a value of the pattern, which comes again in the next turn of it.
  if (to - from < 2 * PATTERN_ROWS) {
    min = Number.POSITIVE_INFINITY;
    max = Number.NEGATIVE_INFINITY;
    for (let row = from; row < to; row++) {
      if (row > 0 && row % SPIKE_ROWS === 0) continue;
      const value = pattern[row % PATTERN_ROWS]!;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  const spike = Math.floor((to - 1) / SPIKE_ROWS);
  if (spike > 0 && spike * SPIKE_ROWS >= from) {
    max = 1000 + spike;
    if (to - from === 1) min = max;
  }
  return { min, max };
}

export const POLLED: StreamInfo[] = [0, 1, 2, 3].map((index) => ({
  id: index + 1,
  key: `supply${index}/polled`,
  instrument: `supply${index}`,
  epoch: 1,
  kind: 'timed',
  columns: ['voltage', 'current', '~uncertainty'].map((channel) => ({ channel, unit: 'V' })),
  rateHz: 10,
}));

/** Value of a polled row: a slow swing that is different for each instrument. */
export function polledAt(row: number, instrument: number): number {
  return Math.fround(Math.sin(row / 977) * 10 + (row % 97) / 100 + instrument * 100);
}

/** Records instruments polled at 10 Hz for so many rows each: what a night looks like, chunks of a few KiB. Gives the path. */
export async function recordPolled(folder: string, rows: number): Promise<string> {
  const clock = new ManualClock(START_NS);
  const recorder = await openRecorder({ folder, name: 'polled', clock, about: ABOUT });
  for (const info of POLLED) recorder.streamOpened(info);
  for (let row = 0; row < rows; row++) {
    const t0Ns = START_NS + BigInt(row) * 100_000_000n;
    for (const [instrument, info] of POLLED.entries()) {
      const flags = BATCH_FLAG.float64 | BATCH_FLAG.timed;
      const head = { stream: info.id, rows: 1, channels: 3, flags, seq: row, lost: 0, t0Ns, arrivedNs: t0Ns };
      const batch = createBatch({ ...head, dtS: 0, xOriginS: 0 });
      for (const column of batch.columns) column[0] = polledAt(row, instrument);
      recorder.batch(batch);
    }
    // Eight rows a chunk.
    if (row % 8 === 7) await clock.advance(800);
    while (recorder.stats.queueBytes > 8 << 20) await setImmediate();
  }
  const { paths, error } = await recorder.stop('');
  if (error) throw error;
  return paths[0]!;
}
