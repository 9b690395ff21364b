import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryDisk } from '../../../test/fixtures/memory-disk.ts';
import { expectColumns, type MadeStream, makeStream, mergeBatches } from '../../../test/fixtures/random-streams.ts';
import { ABOUT, createTestClock } from '../../../test/fixtures/recording-source.ts';
import { type ColumnBlock, columnRow } from '../../core/decimate.ts';
import { type SeededRandom, seededRandom } from '../../core/seeded-random.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { systemDisk } from './disk.ts';
import { pyramidPath } from './pyramid-layout.ts';
import { completePyramid, storePyramid } from './pyramid-store.ts';
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
async function record(name: string, streams: readonly MadeStream[], partBytes = 100_000): Promise<string[]> {
  const limits = { chunkBytes: 20_000, partBytes, reserveBytes: 0 };
  const recorder = await openRecorder({ folder, name, clock: createTestClock(), about: ABOUT, limits });
  for (const { info } of streams) recorder.streamOpened(info);
  for (const batch of mergeBatches(streams)) recorder.batch(batch);
  return (await recorder.stop('')).paths;
}

function makeStreams(random: SeededRandom): MadeStream[] {
  return [
    makeStream(random, infoOf(11, 'regular', 5000, 3), 14_000),
    makeStream(random, infoOf(12, 'regular', 500, 1), 3000),
    makeStream(random, infoOf(13, 'timed', 20, 2), 1200),
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

/** Columns of every n, of random channels, over the whole where that is few of them, and over a random stretch. */
async function compareColumns(
  recording: Recording,
  streams: readonly MadeStream[],
  random: SeededRandom,
): Promise<void> {
  for (const stream of streams) {
    const rows = rowsOf(recording, stream);
    const first = stream.rows[0]?.row ?? 0;
    const end = (stream.rows.at(-1)?.row ?? 0) + 1;
    for (let n = 1; n <= 2 ** 18; n *= 2) {
      const from = first + random.below(end - first);
      const stretches = [[from, Math.min(end, from + 1 + random.below(n * 200))]];
      if ((end - first) / n < 300) stretches.push([first, end]);
      for (const [start = 0, stop = 0] of stretches) {
        const channels = stream.info.columns.map((_, index) => index).filter(() => random.next() < 0.7);
        const found = await rows.columns(channels, start, stop, n);
        expect(plain(found, stream), `${stream.info.key} n ${n} [${start}, ${stop})`).toEqual(
          expected(stream, channels, start, stop, n),
        );
      }
    }
  }
}

/** Rows and times: of random rows, of random times, and all rows of a random stretch. */
async function compareRows(recording: Recording, streams: readonly MadeStream[], random: SeededRandom): Promise<void> {
  for (const stream of streams) {
    const rows = rowsOf(recording, stream);
    for (let round = 0; round < 60; round++) {
      const at = random.below(stream.rows.length);
      const { row, tNs } = stream.rows[at]!;
      const next = stream.rows[at + 1];
      expect(await rows.timeOf(row), `time of row ${row}`).toBe(tNs);
      expect(await rows.rowAt(tNs), `row at the time of ${row}`).toBe(row);
      // Less than a millionth of a row is rounding.
      const laterNs = tNs + (stream.info.kind === 'timed' ? 1n : BigInt(Math.round(1e6 / stream.info.rateHz)));
      expect(await rows.rowAt(laterNs), `row after the time of ${row}`).toBe(next?.row ?? rows.endRow);
    }
    expect(await rows.rowAt(0n)).toBe(stream.rows[0]?.row);
    for (let round = 0; round < 5; round++) {
      const from = random.below(stream.rows.length);
      const to = from + 1 + random.below(Math.min(3000, stream.rows.length - from));
      const channels = stream.info.columns.map((_, index) => index).filter((index) => index > 0 || round % 2 === 0);
      const found: unknown[] = [];
      const stop = stream.rows[to]?.row ?? rows.endRow;
      await rows.rows(channels, stream.rows[from]?.row ?? 0, stop, (page, start, end) => {
        for (let row = start; row < end; row++) {
          const seconds = page.timeS ? (page.timeS[row] ?? 0) : row * page.dtS;
          const tNs = page.t0Ns + BigInt(Math.round(seconds * 1e9));
          const values = channels.map((channel) => page.columns[channel]?.[row]);
          found.push({ row: page.firstRow + row, tNs, isAfterGap: row === 0 && page.isAfterGap, values });
        }
      });
      expect(found).toEqual(
        stream.rows.slice(from, to).map((row) => ({ ...row, values: channels.map((channel) => row.values[channel]) })),
      );
    }
  }
}

async function compare(recording: Recording, streams: readonly MadeStream[], random: SeededRandom): Promise<void> {
  await compareColumns(recording, streams, random);
  await compareRows(recording, streams, random);
}

function stateOf(recording: Recording): unknown {
  return recording.parts.map(({ pyramid }) => (pyramid.unstored ? 'made' : pyramid.lacksRows ? 'stored' : 'full'));
}

describe('columns and rows of a recording', () => {
  it.each([1, 2, 3])('are those that were recorded, from digests and from sidecars (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const streams = makeStreams(random);
    const paths = await record(`seed ${seed}`, streams);
    expect(paths.length).toBeGreaterThan(2);
    const all = (state: string): string[] => paths.map(() => state);
    {
      await using recording = await openRecording(paths[0]!);
      expect(stateOf(recording)).toEqual(all('full'));
      await compare(recording, streams, random);
      // All the time it was the sidecars that answered.
      expect(stateOf(recording)).toEqual(all('full'));
    }
    for (const path of paths) await rm(pyramidPath(path));
    {
      await using recording = await openRecording(paths[1]!);
      expect(stateOf(recording)).toEqual(all('made'));
      await compare(recording, streams, random);
      for (const part of recording.parts) expect(await storePyramid(systemDisk, part)).toBe(true);
    }
    {
      await using recording = await openRecording(paths[2]!);
      expect(stateOf(recording)).toEqual(all('stored'));
      await compare(recording, streams, random);
    }
    const { signal } = new AbortController();
    for (const path of paths) expect(await completePyramid(systemDisk, path, signal)).toBe(true);
    await using recording = await openRecording(paths[0]!);
    expect(stateOf(recording)).toEqual(all('full'));
    await compare(recording, streams, random);
  });

  it('are those of a file cut off, which has no sidecar', async () => {
    const random = seededRandom(9);
    const [stream] = makeStreams(random);
    if (!stream) return;
    const [path = ''] = await record('cut', [stream], 2 ** 31);
    const bytes = new Uint8Array(await readFile(path));
    // Without its index; all chunks are there.
    const disk = memoryDisk({ '/f/cut.mcap.part': bytes.subarray(0, bytes.byteLength - 60) });
    await using recording = await openRecording('/f/cut.mcap.part', { disk });
    expect(recording.parts[0]?.walk).toBeDefined();
    await compare(recording, [stream], random);
  });
});
