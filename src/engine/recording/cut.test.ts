import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readIndexed } from '../../../test/fixtures/mcap-peer.ts';
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
import type { ChunkCompression } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { openRecorder } from './recorder.ts';
import { openRecording } from './recording.ts';
import { recoverFolder } from './recovery.ts';
import { verifyRecording } from './verify.ts';

/** A recording of both streams in small chunks, and what must be found in it. */
interface Whole {
  bytes: Uint8Array;
  /** Ends of the chunk records, with the rows recorded up to there. */
  flushed: { end: number; rows: number }[];
  total: number;
  /** From here on the file names its recording. */
  headEnd: number;
}

/** Packed chunks take several times as long to read: without LABWIRE_CUT=all (the soak) a fifth of those places and damages is theirs. */
const EVERY = process.env.LABWIRE_CUT === 'all' ? 1 : 5;

/** Thousands of files are opened; on a busy machine that takes a while. */
const PATIENCE_MS = 240_000;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-cut-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function record(name: string, compression: ChunkCompression, rounds: number, chunkBytes = 4096): Promise<Whole> {
  const clock = createTestClock();
  const limits = { chunkBytes, reserveBytes: 0 };
  const recorder = await openRecorder({ folder, name, clock, about: ABOUT, limits, compression });
  recorder.streamOpened(POLLED);
  recorder.streamOpened(STREAMED);
  for (let row = 0; row < rounds; row++) {
    recorder.batch(polledBatch(row));
    recorder.batch(streamedBatch(row * 40, 40));
    if (row % 10 === 9) recorder.event({ id: `n${row}`, t: '1700000001000000000', kind: 'note', text: `after ${row}` });
  }
  await recorder.stop('');
  const path = join(folder, `${name}.mcap`);
  // A copy: slices of a Buffer share its memory.
  const bytes = new Uint8Array(await readFile(path));
  await using recording = await openRecording(path);
  const chunks = [...(recording.parts[0]?.chunks ?? [])];
  let total = 0;
  const flushed = chunks.map((chunk) => {
    total += chunk.streams.reduce((sum, stream) => sum + stream.rows, 0);
    return { end: chunk.offset + chunk.length, rows: total };
  });
  expect(total).toBe(rounds * 41);
  return { bytes, flushed, total, headEnd: chunks[0]?.offset ?? 0 };
}

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
      // No expect(): a hundred thousand batches are looked at.
      if (batch.seq < (next.get(batch.stream) ?? 0))
        throw new Error(`row ${batch.seq} of stream ${batch.stream} again`);
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

async function checkCut({ bytes, flushed, headEnd }: Whole, at: number): Promise<void> {
  const result = await readRows(bytes.subarray(0, at));
  if (!result) {
    expect(at, 'refused although something was recorded').toBeLessThan(headEnd);
    return;
  }
  const sure = flushed.findLast((chunk) => chunk.end <= at)?.rows ?? 0;
  expect(result.rows, `cut at ${at}`).toBe(sure);
  expect(result.missing).toContain('was cut off');
}

describe.each(['none', 'lz4', 'zstd'] as const)('a recording with compression %s, cut off', (compression) => {
  const stride = compression === 'none' ? 1 : EVERY;
  let whole: Whole;
  beforeAll(async () => {
    whole = await record(`run-${compression}`, compression, 30);
    const isPacked = compression !== 'none';
    expect(new TextDecoder('latin1').decode(whole.bytes).includes(`\u0000${compression}`)).toBe(isPacked);
  });

  it(
    `at every byte of its last chunk and what follows holds all that was flushed, and nothing else (${stride === 1 ? 'all of them' : `every ${stride}th`})`,
    async () => {
      // Of few chunks that are small, since each cut is read whole.
      const short = await record(`short-${compression}`, compression, 8, 2048);
      const { bytes, flushed, total } = short;
      expect(flushed.length).toBeGreaterThan(2);
      const from = (flushed.at(-2)?.end ?? 0) - 8;
      const end = flushed.at(-1)?.end ?? 0;
      expect(end - from).toBeGreaterThan(1500);
      for (let at = from; at < bytes.byteLength; at += stride * (at < end + 1000 ? 1 : 41)) await checkCut(short, at);
      expect(await readRows(bytes)).toEqual({ rows: total, missing: '' });
    },
    PATIENCE_MS,
  );

  it(
    `at ${2000 / stride} random bytes holds all that was flushed, and nothing else`,
    async () => {
      const random = seededRandom(1);
      for (let index = 0; index < 2000; index += stride) await checkCut(whole, random.below(whole.bytes.byteLength));
    },
    PATIENCE_MS,
  );

  it('with zeros where the end was not written yet holds all before', async () => {
    const { bytes, flushed } = whole;
    const end = flushed[4]?.end ?? 0;
    const torn = bytes.slice(0, end + 5000).fill(0, end - 100);
    expect((await readRows(torn))?.rows).toBe(flushed[3]?.rows);
  });

  it('is finished at start with its index, and says so in the file', async () => {
    const { bytes, flushed, headEnd } = whole;
    const random = seededRandom(2);
    for (let index = 0; index < 40; index += stride) {
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
      const indexed = await readIndexed(new Uint8Array(await readFile(join(place, 'run.mcap'))));
      expect(indexed.samples).toBe(rows === 0 ? 0 : report.samples);
    }
  });

  it(`damaged gives true samples or an error with a code, never an invented one: ${700 / stride} random damages`, async () => {
    const random = seededRandom(3);
    for (let index = 0; index < 700; index += stride) {
      const { bytes } = whole;
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
    const { bytes, flushed, total } = whole;
    const content = bytes.slice(0, bytes.byteLength - 100);
    const [first, second] = flushed;
    if (!first || !second) throw new Error('too few chunks');
    // The end of the first chunk, its index, and the header of the second with a length that lies.
    const third = second.end - first.end;
    content.fill(0xff, first.end - third / 2, second.end - third / 2);
    const result = await readRows(content);
    expect(result?.rows).toBeGreaterThanOrEqual(total - second.rows);
    expect(result?.missing).toMatch(/damaged/);
  });
});

describe('a foreign file', () => {
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
