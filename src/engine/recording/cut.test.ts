import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryDisk } from '../../../test/fixtures/memory-disk.ts';
import {
  ABOUT,
  checkBatch,
  createTestClock,
  POLLED,
  polledBatch,
  STREAMED,
  streamedBatch,
} from '../../../test/fixtures/recording-source.ts';
import { LabError } from '../../core/errors.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { openRecorder } from './recorder.ts';
import { openRecording } from './recording.ts';
import { recoverFolder } from './recovery.ts';
import { verifyRecording } from './verify.ts';

let folder: string;
let bytes: Uint8Array;
/** Ends of the chunk records, with the rows recorded up to there. */
let flushed: { end: number; rows: number }[];
let total: number;
/** From here on the file names its recording. */
let headEnd: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-cut-'));
  const clock = createTestClock();
  const limits = { chunkBytes: 4096, reserveBytes: 0 };
  const recorder = await openRecorder({ folder, name: 'run', clock, about: ABOUT, limits });
  recorder.streamOpened(POLLED);
  recorder.streamOpened(STREAMED);
  for (let row = 0; row < 60; row++) {
    recorder.batch(polledBatch(row));
    recorder.batch(streamedBatch(row * 40, 40));
    if (row % 10 === 9) recorder.event({ id: `n${row}`, t: '1700000001000000000', kind: 'note', text: `after ${row}` });
  }
  await recorder.stop('');
  const path = join(folder, 'run.mcap');
  // A copy: slices of a Buffer share its memory.
  bytes = new Uint8Array(await readFile(path));
  await using recording = await openRecording(path);
  const chunks = recording.parts[0]?.chunks ?? [];
  let rows = 0;
  flushed = chunks.map((chunk) => {
    rows += chunk.streams.reduce((sum, stream) => sum + stream.rows, 0);
    return { end: chunk.offset + chunk.length, rows };
  });
  total = rows;
  headEnd = chunks[0]?.offset ?? 0;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Rows that can be read from these bytes, each checked against its number; undefined if they are refused with a code of ours. */
async function readRows(content: Uint8Array): Promise<{ rows: number; missing: string } | undefined> {
  try {
    await using recording = await openRecording('/f/run.mcap.part', {
      disk: memoryDisk({ '/f/run.mcap.part': content }),
    });
    let rows = 0;
    const next = new Map<number, number>();
    for await (const batch of recording.batches({ onDamage: () => undefined })) {
      checkBatch(batch);
      expect(batch.seq).toBeGreaterThanOrEqual(next.get(batch.stream) ?? 0);
      next.set(batch.stream, batch.seq + batch.rows);
      rows += batch.rows;
    }
    return { rows, missing: recording.info.missing };
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    expect(error.code).toMatch(/^recording\.(truncated|foreign)$/);
    return undefined;
  }
}

async function checkCut(at: number): Promise<void> {
  const result = await readRows(bytes.subarray(0, at));
  if (!result) {
    expect(at, 'refused although something was recorded').toBeLessThan(headEnd);
    return;
  }
  const sure = flushed.findLast((chunk) => chunk.end <= at)?.rows ?? 0;
  expect(result.rows, `cut at ${at}`).toBe(sure);
  expect(result.missing).toContain('was cut off');
}

describe('a recording cut off', () => {
  it('at every byte of its last chunk and what follows holds all that was flushed, and nothing else', async () => {
    const from = (flushed.at(-2)?.end ?? 0) - 8;
    expect(bytes.byteLength - from).toBeGreaterThan(4000);
    const end = flushed.at(-1)?.end ?? 0;
    for (let at = from; at < bytes.byteLength; at += at < end + 1000 ? 1 : 41) await checkCut(at);
    expect(await readRows(bytes)).toEqual({ rows: total, missing: '' });
  });

  it('at 2000 random bytes holds all that was flushed, and nothing else', async () => {
    const random = seededRandom(1);
    for (let index = 0; index < 2000; index++) await checkCut(random.below(bytes.byteLength));
  });

  it('with zeros where the end was not written yet holds all before', async () => {
    const end = flushed[4]?.end ?? 0;
    const torn = bytes.slice(0, end + 5000).fill(0, end - 100);
    expect((await readRows(torn))?.rows).toBe(flushed[3]?.rows);
  });

  it('is finished at start with its index, and says so in the file', async () => {
    const random = seededRandom(2);
    for (let index = 0; index < 40; index++) {
      const at = headEnd + random.below(bytes.byteLength - headEnd);
      const place = await mkdtemp(join(folder, 'recover-'));
      await writeFile(join(place, 'run.mcap.part'), bytes.subarray(0, at));
      const [result] = await recoverFolder(place, createTestClock());
      expect(result).toMatchObject({ state: 'finished', finalPath: join(place, 'run.mcap') });
      await using recording = await openRecording(join(place, 'run.mcap'));
      expect(recording.parts[0]?.walk, 'it was read by its index').toBeUndefined();
      expect(recording.info).toMatchObject({ complete: false, interrupted: true });
      expect(recording.info.missing).toContain('was cut off after');
      const report = await verifyRecording(recording);
      expect(report.problems).toEqual([recording.info.missing]);
      const rows = recording.streams.reduce((sum, stream) => sum + stream.rows, 0);
      expect(rows).toBe(flushed.findLast((chunk) => chunk.end <= at)?.rows ?? 0);
      for await (const batch of recording.batches()) checkBatch(batch);
    }
  });
});

describe('a damaged or foreign file', () => {
  it('gives true samples or an error with a code, never an invented one: 1500 random damages', async () => {
    const random = seededRandom(3);
    for (let index = 0; index < 1500; index++) {
      const content = bytes.slice(0, random.next() < 0.5 ? bytes.byteLength : random.below(bytes.byteLength));
      for (let times = 1 + random.below(3); times > 0; times--) {
        const at = random.below(content.byteLength);
        const length = 1 + random.below(random.next() < 0.5 ? 8 : 400);
        for (let offset = at; offset < Math.min(content.byteLength, at + length); offset++)
          content[offset] = random.below(256);
      }
      await readRows(content);
    }
  });

  it('keeps what lies behind a damaged stretch', async () => {
    const content = bytes.slice(0, bytes.byteLength - 100);
    const first = flushed[0]?.end ?? 0;
    // The end of the first chunk, its index, and the header of the second with a length that lies.
    content.fill(0xff, first - 2000, (flushed[1]?.end ?? 0) - 4000);
    const result = await readRows(content);
    expect(result?.rows).toBeGreaterThanOrEqual(total - (flushed[1]?.rows ?? 0));
    expect(result?.missing).toMatch(/damaged/);
  });

  it.each([
    ['nothing', new Uint8Array(0), 'recording.truncated'],
    ['a text', new TextEncoder().encode('hello, this is not a recording'), 'recording.foreign'],
    ['zeros', new Uint8Array(100_000), 'recording.foreign'],
  ])('%s is refused', async (_, content, code) => {
    const disk = memoryDisk({ '/f/x.mcap': content });
    await expect(openRecording('/f/x.mcap', { disk })).rejects.toMatchObject({ code });
  });

  it('an MCAP file of another program is refused, unchanged', async () => {
    const { McapRecordBuilder } = await import('@mcap/core');
    const builder = new McapRecordBuilder();
    builder.writeMagic();
    builder.writeHeader({ profile: 'ros2', library: 'other' });
    const disk = memoryDisk({ '/f/x.mcap': builder.buffer });
    await expect(openRecording('/f/x.mcap', { disk })).rejects.toMatchObject({
      code: 'recording.foreign',
      message: expect.stringContaining('ros2'),
    });
  });

  it('a file that is not there is unknown', async () => {
    await expect(openRecording(join(folder, 'nothing.mcap'))).rejects.toMatchObject({ code: 'recording.unknown' });
  });
});
