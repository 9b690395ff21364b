import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ABOUT, createTestClock, START_NS, STREAMED, streamedBatch } from '../../../test/fixtures/recording-source.ts';
import { viewFrame } from '../../contract/frame-read.ts';
import type { FrameBlock } from '../../contract/frames.ts';
import { BATCH_FLAG, createBatch } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { HistoryAnswer } from '../history/history-pieces.ts';
import { encodeDigest, viewDigest } from './digest-codec.ts';
import { MAX_EVENTS, PyramidBuilder } from './pyramid-build.ts';
import { RecordedHistory } from './recorded-history.ts';
import { openRecorder } from './recorder.ts';
import { openRecording, type Recording } from './recording.ts';

/** A counter that stands still: thousands of rows at one time. */
const STUCK: StreamInfo = { ...STREAMED, id: 30, key: 'daq/stuck', epoch: 5, kind: 'timed', rateHz: 10 };
const GAPS = 4000;
const STUCK_ROWS = 9000;

let folder: string;
let recording: Recording;
let history: RecordedHistory;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-bounded-'));
  const limits = { chunkBytes: 100_000, reserveBytes: 0 };
  const recorder = await openRecorder({ folder, name: 'run', clock: createTestClock(), about: ABOUT, limits });
  recorder.streamOpened(STREAMED);
  recorder.streamOpened(STUCK);
  for (let index = 0; index < GAPS; index++) recorder.batch(streamedBatch(index * 20 + 10, 10, 10));
  for (let seq = 0; seq < STUCK_ROWS; seq += 100) {
    const flags = BATCH_FLAG.timed;
    const head = { stream: STUCK.id, rows: 100, channels: 4, flags, seq, lost: 0, arrivedNs: START_NS };
    recorder.batch(createBatch({ ...head, t0Ns: START_NS, dtS: 0, xOriginS: 0 }));
  }
  await recorder.stop('');
  recording = await openRecording(join(folder, 'run.mcap'));
  history = new RecordedHistory(recording);
});
afterAll(async () => {
  await recording[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function read(
  channel: string,
  change: { fromNs?: bigint; width?: number; raw?: boolean; limit: number },
): Promise<{ answer: HistoryAnswer; blocks: FrameBlock[] }> {
  const frames: ArrayBuffer[] = [];
  const range = { fromNs: START_NS, toNs: START_NS + 100_000_000_000n, width: 100, raw: false, ...change };
  const answer = await history.read({ request: 1, channels: [channel], ...range }, (frame) => frames.push(frame));
  return { answer, blocks: frames.flatMap((frame) => viewFrame(frame).blocks) };
}

function stuckId(): number | undefined {
  return recording.streams.find(({ info }) => info.key === STUCK.key)?.info.id;
}

it('columns beyond the limit are cut, however many gaps make them, and the next answers go on without a hole', async () => {
  const seen = new Set<number>();
  let fromNs = START_NS;
  let answers = 0;
  for (;;) {
    const { answer, blocks } = await read('daq/ai0', { fromNs, width: 20, limit: 1000 });
    answers++;
    let columns = 0;
    for (const block of blocks) {
      if (block.kind !== 'columns' || block.stream === stuckId()) continue;
      columns += block.columns.length;
      const { firstRow, rows } = block.columns;
      for (let row = firstRow; row < firstRow + rows; row++) seen.add(row);
    }
    expect(columns).toBeLessThanOrEqual(1000);
    if (answer.nextNs === null) break;
    expect(answer.nextNs).toBeGreaterThan(fromNs);
    fromNs = answer.nextNs;
  }
  expect(answers).toBeGreaterThan(4);
  expect(seen.size).toBe(GAPS * 10);
});

it('raw rows beyond the limit are cut too', async () => {
  const { answer, blocks } = await read('daq/ai0', { raw: true, limit: 1000, fromNs: START_NS + 1n });
  const rows = blocks.flatMap((block) => (block.kind === 'raw' ? [block.batch.rows] : []));
  expect(rows.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(1000);
  expect(answer.nextNs).not.toBeNull();
  expect(answer.exact).toBe(true);
});

it('of rows that all have one time, what is too many is left out, and the answer says so', async () => {
  const { answer, blocks } = await read('daq/ai0', { raw: true, limit: 1000 });
  const own = blocks.filter((block) => 'stream' in block && block.stream === stuckId());
  const rows = own.flatMap((block) => (block.kind === 'raw' ? [block.batch.rows] : []));
  const count = rows.reduce((sum, some) => sum + some, 0);
  expect(count).toBeGreaterThanOrEqual(500);
  expect(count).toBeLessThanOrEqual(4 * 1000);
  expect(own.at(-1)).toMatchObject({ kind: 'skipped', from: count, to: STUCK_ROWS });
  expect(answer.exact).toBe(false);
  const { answer: whole } = await read('daq/ai0', { raw: true, limit: 200_000 });
  expect(whole).toMatchObject({ exact: true, nextNs: null });
});

it('of more events than that the newest are kept', () => {
  const builder = new PyramidBuilder(new Map());
  const event = (index: number): string => JSON.stringify({ id: String(index) });
  for (let chunk = 0; chunk < 30; chunk++) {
    const events = Array.from({ length: 10_000 }, (_, index) => event(chunk * 10_000 + index));
    const bytes = encodeDigest({ offset: chunk, length: 1, streams: [], events });
    const digest = viewDigest(bytes);
    if (digest) builder.add(digest);
  }
  expect(builder.events).toHaveLength(MAX_EVENTS);
  expect(builder.events[0]).toBe(event(200_000));
  expect(builder.events.at(-1)).toBe(event(299_999));
});
