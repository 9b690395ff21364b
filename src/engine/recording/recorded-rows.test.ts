import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ABOUT, createTestClock, STREAMED, streamedBatch, valueAt } from '../../../test/fixtures/recording-source.ts';
import { type ColumnBlock, columnRow, columnRows } from '../../core/decimate.ts';
import { type Disk, systemDisk } from './disk.ts';
import { fileView } from './file-view.ts';
import { RecordedRows } from './recorded-rows.ts';
import { openRecorder } from './recorder.ts';
import { openRecording, type Recording } from './recording.ts';

const ROWS = 200_000;
const CHUNK_BYTES = 300_000;

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-rows-'));
  const limits = { chunkBytes: CHUNK_BYTES, reserveBytes: 0 };
  const recorder = await openRecorder({ folder, name: 'run', clock: createTestClock(), about: ABOUT, limits });
  recorder.streamOpened(STREAMED);
  for (let seq = 0; seq < ROWS; seq += 1000) recorder.batch(streamedBatch(seq, 1000, 0));
  path = (await recorder.stop('')).paths[0] ?? '';
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function rowsOf(recording: Recording): RecordedRows {
  const stream = recording.streams[0];
  if (!stream) throw new Error('nothing was recorded');
  return new RecordedRows(recording, stream);
}

function expectTrue(blocks: readonly ColumnBlock[], channel: number, rows: number): void {
  let count = 0;
  for (const block of blocks) {
    for (let at = 0; at < block.length; at++) {
      const row = columnRow(block, at);
      const values = Array.from({ length: columnRows(block, at) }, (_, index) => valueAt(row + index, channel));
      expect([block.min[0]?.[at], block.max[0]?.[at]]).toEqual([Math.min(...values), Math.max(...values)]);
      count += values.length;
    }
  }
  expect(count).toBe(rows);
}

it('columns finer than the pyramid come from chunks, of which few are in memory at a time', async () => {
  let reading = 0;
  let most = 0;
  const disk: Disk = {
    ...systemDisk,
    async open(name, mode) {
      const file = await systemDisk.open(name, mode);
      return fileView(file, {
        async read(target, position) {
          const isChunk = target.byteLength >= CHUNK_BYTES;
          if (isChunk) most = Math.max(most, ++reading);
          return await file.read(target, position).finally(() => {
            if (isChunk) reading--;
          });
        },
      });
    },
  };
  await using recording = await openRecording(path, { disk });
  expect(recording.parts[0]?.chunks.length).toBeGreaterThan(9);
  const rows = rowsOf(recording);
  expectTrue(await rows.columns([2], 0, ROWS, 256), 2, ROWS);
  expectTrue(await rows.columns([1], 256 * 100, 256 * 150, 256), 1, 256 * 50);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThan(4);
});

it('a damaged chunk ends a view that needs it, and no other', async () => {
  await using recording = await openRecording(path);
  const rows = rowsOf(recording);
  const { offset, length } = recording.parts[0]?.chunks.placeOf(5) ?? { offset: 0, length: 0 };
  const file = await open(path, 'r+');
  await file.write(Uint8Array.of(0xee), 0, 1, offset + Math.floor(length / 2));
  await file.close();
  await expect(rows.columns([0], 0, ROWS, 256)).rejects.toMatchObject({ code: 'recording.malformed' });
  expectTrue(await rows.columns([0], 0, 256 * 200, 256), 0, 256 * 200);
  expectTrue(await rows.columns([3], 256 * 600, 256 * 700, 256), 3, 256 * 100);
});
