import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ABOUT,
  createTestClock,
  POLLED,
  polledBatch,
  START_NS,
  STREAMED,
  streamedBatch,
} from '../../../test/fixtures/recording-source.ts';
import { viewFrame } from '../../contract/frame-read.ts';
import type { FrameBlock } from '../../contract/frames.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { History } from '../history/history.ts';
import type { HistoryAnswer, HistoryRequest } from '../history/history-pieces.ts';
import { readHistory } from '../history/read-history.ts';
import { RecordedHistory } from './recorded-history.ts';
import { openRecorder } from './recorder.ts';
import { openRecording, type Recording } from './recording.ts';

let folder: string;
let live: History;
let recording: Recording;
let recorded: RecordedHistory;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-history-'));
  live = new History();
  const clock = createTestClock();
  const recorder = await openRecorder({
    folder,
    name: 'run',
    clock,
    about: ABOUT,
    limits: { chunkBytes: 50_000, partBytes: 3_000_000, reserveBytes: 0 },
  });
  for (const sink of [recorder, live]) {
    sink.streamOpened(POLLED);
    sink.streamOpened(STREAMED);
    for (let row = 0; row < 300; row++) sink.batch(polledBatch(row));
    let seq = 0;
    for (let index = 0; index < 300; index++) {
      const lost = index % 70 === 69 ? 333 : 0;
      const rows = 900 + (index % 7) * 50;
      const batch = streamedBatch(seq + lost, rows, lost);
      if (index === 100) batch.columns[1]?.set([Number.NaN, Number.POSITIVE_INFINITY], 17);
      if (index === 120) batch.columns[2]?.fill(Number.NaN);
      sink.batch(batch);
      seq += lost + rows;
    }
    sink.streamClosed(POLLED.id);
    sink.streamClosed(STREAMED.id);
  }
  await recorder.stop('');
  recording = await openRecording(join(folder, 'run.mcap'));
  recorded = new RecordedHistory(recording);
});
afterAll(async () => {
  await recording[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const CHANNELS = ['supply/ch1.current', 'daq/ai2', 'daq/ai1'];

function ask(change: Partial<HistoryRequest>): HistoryRequest {
  return {
    request: 5,
    channels: CHANNELS,
    fromNs: START_NS,
    toNs: START_NS + 40_000_000_000n,
    width: 1200,
    raw: false,
    limit: 100_000,
    ...change,
  };
}

/** The same in both numberings of streams; gaps come with their reasons only from who announced them. */
function blocksOf(frames: ArrayBuffer[], streams: HistoryAnswer['streams']): unknown[] {
  const key = new Map(streams.map((stream) => [stream.id, stream.key]));
  const blocks: FrameBlock[] = frames.flatMap((frame) => viewFrame(frame).blocks);
  const wanted = blocks.filter((block) => block.kind !== 'gap');
  // Seconds are sums of floats: equal to the nanosecond.
  for (const block of wanted)
    if (block.kind === 'columns') block.columns.timeS = block.columns.timeS?.map((time) => Math.round(time * 1e9));
  return wanted.map((block) => ({ ...block, stream: key.get(block.stream) }));
}

async function compare(request: HistoryRequest): Promise<unknown[]> {
  const expected: ArrayBuffer[] = [];
  const found: ArrayBuffer[] = [];
  const liveAnswer = readHistory(live, request, (frame) => expected.push(frame));
  const answer = await recorded.read(request, (frame) => found.push(frame));
  expect(answer.nextNs).toEqual(liveAnswer.nextNs);
  expect(answer.streams.map((stream) => stream.key)).toEqual(liveAnswer.streams.map((stream) => stream.key));
  return [blocksOf(found, answer.streams), blocksOf(expected, liveAnswer.streams)];
}

describe('history of a recording', () => {
  it('is the live one, column for column, over the whole and at any zoom', async () => {
    const random = seededRandom(4);
    for (let index = 0; index < 60; index++) {
      const fromNs = START_NS + BigInt(random.below(30_000)) * 1_000_000n;
      const toNs = fromNs + BigInt(1 + random.below(index < 30 ? 30_000 : 300)) * 1_000_000n;
      const [found, expected] = await compare(
        index === 0 ? ask({ width: 64 }) : ask({ fromNs, toNs, width: 16 + random.below(2000) }),
      );
      expect(found).toEqual(expected);
    }
  });

  it('gives the same rows', async () => {
    const random = seededRandom(5);
    for (let index = 0; index < 20; index++) {
      const fromNs = START_NS + BigInt(random.below(30_000)) * 1_000_000n + 123n;
      const [found, expected] = await compare(
        ask({ fromNs, toNs: fromNs + BigInt(random.below(2000)) * 1_000_000n, raw: true }),
      );
      expect(valuesOf(found)).toEqual(valuesOf(expected));
    }
  });

  it('is cut where the live one is, and goes on from there', async () => {
    let fromNs = START_NS;
    let rows = 0;
    for (;;) {
      const request = ask({ fromNs, raw: true, limit: 20_000, channels: ['daq/ai0'] });
      const frames: ArrayBuffer[] = [];
      const answer = await recorded.read(request, (frame) => frames.push(frame));
      for (const frame of frames)
        for (const block of viewFrame(frame).blocks) if (block.kind === 'raw') rows += block.batch.rows;
      if (answer.nextNs === null) break;
      expect(answer.nextNs).toBeGreaterThan(fromNs);
      fromNs = answer.nextNs;
    }
    expect(rows).toBe(recording.streams.find((stream) => stream.info.key === 'daq/data')?.rows);
  });
});

/** Rows in one list, however they were cut into blocks. */
function valuesOf(blocks: unknown): Map<string, number[]> {
  const values = new Map<string, number[]>();
  for (const block of blocks as (FrameBlock & { stream: string })[]) {
    if (block.kind !== 'raw') throw new Error('rows were asked for');
    for (let row = 0; row < block.batch.rows; row++) {
      const seconds = block.batch.times?.[row] ?? row * block.batch.dtS;
      const timeNs = Number(block.batch.t0Ns - START_NS) + Math.round(seconds * 1e9);
      const list = values.get(String(block.stream)) ?? [];
      values.set(String(block.stream), list);
      list.push(
        block.batch.seq + row,
        Math.round(timeNs / 10),
        ...block.batch.columns.map((column) => column[row] ?? 0),
      );
    }
  }
  return values;
}
