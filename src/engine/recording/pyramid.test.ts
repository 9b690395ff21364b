import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryDisk } from '../../../test/fixtures/memory-disk.ts';
import { expectColumns, type MadeStream, makeStream, mergeBatches } from '../../../test/fixtures/random-streams.ts';
import { ABOUT, createTestClock, faultyDisk, systemError } from '../../../test/fixtures/recording-source.ts';
import { type ColumnBlock, columnRow } from '../../core/decimate.ts';
import { type SeededRandom, seededRandom } from '../../core/seeded-random.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { systemDisk } from './disk.ts';
import { pyramidPath } from './pyramid-layout.ts';
import { storePyramid } from './pyramid-store.ts';
import { RecordedRows } from './recorded-rows.ts';
import { openRecorder } from './recorder.ts';
import { openRecording, type Recording } from './recording.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-pyramid-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function infoOf(id: number, kind: StreamInfo['kind'], rateHz: number, columns: number): StreamInfo {
  return {
    id,
    key: `unit${id}/data`,
    instrument: `unit${id}`,
    epoch: 1_700_000_000_000_000 + id,
    kind,
    columns: Array.from({ length: columns }, (_, index) => ({ channel: `ch${index}`, unit: 'V' })),
    rateHz,
  };
}

/** Records them in chunks and parts that cut through everything; gives the paths of the parts. */
async function record(name: string, streams: readonly MadeStream[], partBytes = 200_000): Promise<string[]> {
  const limits = { chunkBytes: 20_000, partBytes, reserveBytes: 0 };
  const recorder = await openRecorder({ folder, name, clock: createTestClock(), about: ABOUT, limits });
  for (const { info } of streams) recorder.streamOpened(info);
  for (const batch of mergeBatches(streams)) recorder.batch(batch);
  return (await recorder.stop('')).paths;
}

function makeStreams(random: SeededRandom): MadeStream[] {
  return [
    makeStream(random, infoOf(11, 'regular', 5000, 3), 30_000),
    makeStream(random, infoOf(12, 'regular', 500, 1), 5000),
    makeStream(random, infoOf(13, 'timed', 20, 2), 2000),
  ];
}

function rowsOf(recording: Recording, { info }: MadeStream): RecordedRows {
  const stream = recording.streams.find((candidate) => candidate.info.key === info.key);
  if (!stream) throw new Error(`${info.key} is not in the recording`);
  return new RecordedRows(recording, stream);
}

/** The blocks in the form of what is expected. */
function plain(blocks: readonly ColumnBlock[], stream: MadeStream): unknown[] {
  const firstNs = stream.rows[0]?.tNs ?? 0n;
  return blocks.map((block) => ({
    firstRow: block.firstRow,
    rows: block.rows,
    isAfterGap: block.isAfterGap,
    t0Ns: block.timeS ? firstNs + BigInt(Math.round((block.timeS[0] ?? 0) * 1e9)) : block.t0Ns,
    columns: Array.from({ length: block.length }, (_, at) => ({
      row: columnRow(block, at),
      extents: block.min.map((min, channel) => ({
        min: min[at],
        max: block.max[channel]?.[at],
        flags: block.flags?.[channel * block.length + at] ?? 0,
      })),
      ...(block.timeS && { tNs: firstNs + BigInt(Math.round((block.timeS[at] ?? 0) * 1e9)) }),
    })),
  }));
}

function expected(stream: MadeStream, channels: number[], from: number, to: number, n: number): unknown[] {
  return expectColumns(stream, channels, from, to, n).map((block) => ({
    ...block,
    columns: block.columns.map(({ row, tNs, extents }) => ({
      row,
      // A row by itself is its value, infinite or not there.
      extents,
      ...(stream.info.kind === 'timed' && { tNs }),
    })),
  }));
}

/** Columns of every n, of random channels, over the whole and over random stretches. */
async function compare(recording: Recording, streams: readonly MadeStream[], random: SeededRandom): Promise<void> {
  for (const stream of streams) {
    const rows = rowsOf(recording, stream);
    const first = stream.rows[0]?.row ?? 0;
    const end = (stream.rows.at(-1)?.row ?? 0) + 1;
    for (let n = 1; n <= 2 ** 20; n *= 2) {
      for (let round = 0; round < 3; round++) {
        const isWhole = round === 0 && (end - first) / n < 1000;
        const from = isWhole ? first : first + random.below(end - first);
        const to = isWhole ? end : Math.min(end, from + 1 + random.below(Math.min(end - from, n * 300)));
        const channels = stream.info.columns.map((_, index) => index).filter(() => random.next() < 0.7);
        const found = await rows.columns(channels, from, to, n);
        expect(plain(found, stream), `${stream.info.key} n ${n} [${from}, ${to})`).toEqual(
          expected(stream, channels, from, to, n),
        );
      }
    }
  }
}

/** Writes the sidecars; gives how many were written. */
async function store(recording: Recording): Promise<number> {
  let count = 0;
  for (const part of recording.parts) {
    if (!part.pyramid.unstored) continue;
    expect(await storePyramid(systemDisk, part)).toBe(true);
    count++;
  }
  return count;
}

describe('columns of a recording', () => {
  it.each([1, 2, 3])('are those of its rows, from the digests and from the sidecars (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const streams = makeStreams(random);
    const paths = await record(`seed ${seed}`, streams);
    expect(paths.length).toBeGreaterThan(2);
    for (const path of paths) await rm(pyramidPath(path), { force: true });
    {
      await using recording = await openRecording(paths[0]!);
      await compare(recording, streams, random);
      expect(await store(recording)).toBe(paths.length);
    }
    await using recording = await openRecording(paths[1]!);
    expect(recording.parts.map(({ pyramid }) => pyramid.unstored)).toEqual(paths.map(() => undefined));
    await compare(recording, streams, random);
    // All the time it was the sidecars that answered.
    expect(recording.parts.map(({ pyramid }) => pyramid.unstored)).toEqual(paths.map(() => undefined));
  });
});
