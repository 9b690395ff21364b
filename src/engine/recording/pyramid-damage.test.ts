import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryDisk } from '../../../test/fixtures/memory-disk.ts';
import {
  ABOUT,
  createTestClock,
  faultyDisk,
  POLLED,
  polledBatch,
  STREAMED,
  streamedBatch,
  systemError,
} from '../../../test/fixtures/recording-source.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { Disk } from './disk.ts';
import { systemDisk } from './disk.ts';
import { PyramidKeeper } from './pyramid-keeper.ts';
import { pyramidPath } from './pyramid-layout.ts';
import { ensurePyramid, storePyramid } from './pyramid-store.ts';
import { RecordedRows } from './recorded-rows.ts';
import { openRecorder } from './recorder.ts';
import { openRecording, type Recording } from './recording.ts';

let folder: string;
let file: Uint8Array;
let sidecar: Uint8Array;
/** What is to be seen, whatever the sidecar is. */
let truth: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-sidecar-'));
  const path = await record('run', 0);
  file = new Uint8Array(await readFile(path));
  sidecar = new Uint8Array(await readFile(pyramidPath(path)));
  await using recording = await openRecording(path);
  truth = await look(recording);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A recording whose values are shifted by some rows: the same sizes and times, other content. */
async function record(name: string, shift: number): Promise<string> {
  const limits = { chunkBytes: 30_000, reserveBytes: 0 };
  const recorder = await openRecorder({ folder, name, clock: createTestClock(), about: ABOUT, limits });
  recorder.streamOpened(POLLED);
  recorder.streamOpened(STREAMED);
  for (let row = 0; row < 250; row++) {
    const polled = polledBatch(row);
    for (const column of polled.columns) column.set([(column[0] ?? 0) + shift]);
    recorder.batch(polled);
    recorder.batch(streamedBatch(row * 100 + (row > 100 ? 50 : 0), 100, row === 101 ? 50 : 0));
  }
  return (await recorder.stop('')).paths[0]!;
}

/** Columns of several widths, times and rows of all streams, as text. */
async function look(recording: Recording): Promise<string> {
  const seen: unknown[] = [];
  for (const stream of recording.streams) {
    const rows = new RecordedRows(recording, stream);
    const channels = stream.info.columns.map((_, index) => index);
    for (const n of [1, 64, 1024, 8192]) {
      const [from, to] = n === 1 ? [100, 220] : [stream.firstRow, stream.endRow];
      for (const block of await rows.columns(channels, from, to, n)) {
        seen.push(block.firstRow, block.rows, block.t0Ns, block.timeS && [...block.timeS]);
        seen.push(
          block.min.map((column) => [...column]),
          block.max.map((column) => [...column]),
          block.flags,
        );
      }
    }
    seen.push(await rows.timeOf(stream.firstRow + 123), await rows.rowAt(stream.firstNs + 1_234_567_890n));
    seen.push(recording.preview(stream, 64));
  }
  seen.push(recording.info.events, recording.streams);
  return JSON.stringify(seen, (_, value) => (typeof value === 'bigint' ? String(value) : value));
}

/** Opens the recording with that sidecar and looks; gives the sidecar that would be written in its place, if any. */
async function lookWith(bytes: Uint8Array | undefined): Promise<Uint8Array | undefined> {
  const files = { '/f/run.mcap': file, ...(bytes && { '/f/run.mcap.pyramid': bytes }) };
  await using recording = await openRecording('/f/run.mcap', { disk: memoryDisk(files) });
  expect(await look(recording)).toBe(truth);
  return recording.parts[0]?.pyramid.unstored;
}

describe('a sidecar that is no good', () => {
  it('is used when it is sound, and made the same again when it is missing, but for the rows', async () => {
    expect(await lookWith(sidecar)).toBeUndefined();
    const made = await lookWith(undefined);
    expect(made?.byteLength).toBeLessThan(sidecar.byteLength);
    expect(await lookWith(made)).toBeUndefined();
  });

  it('is ignored and made anew when it is cut off anywhere', async () => {
    const made = await lookWith(undefined);
    for (let at = 0; at < sidecar.byteLength; at += 97) {
      expect(await lookWith(sidecar.subarray(0, at)), `cut at ${at}`).toEqual(made);
    }
    expect(await lookWith(new Uint8Array([...sidecar, 0]))).toEqual(made);
  });

  it('changes no answer when bits of it are flipped', async () => {
    const made = await lookWith(undefined);
    const random = seededRandom(1);
    let found = 0;
    for (let round = 0; round < 150; round++) {
      const bytes = sidecar.slice();
      const at = random.below(bytes.byteLength);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      const anew = await lookWith(bytes);
      if (anew) {
        found++;
        expect(anew).toEqual(made);
      }
    }
    // What was not looked at may be damaged unseen: the rest of the rows.
    expect(found).toBeGreaterThan(30);
  });

  it('with zeros where the disk had not got to it changes no answer', async () => {
    for (let at = 0; at < sidecar.byteLength; at += 4096) {
      expect(await lookWith(sidecar.slice().fill(0, at))).toBeDefined();
    }
  });

  it('of another recording is refused, though that has the same sizes and times', async () => {
    const other = await record('nur', 1);
    const bytes = new Uint8Array(await readFile(other));
    const foreign = new Uint8Array(await readFile(pyramidPath(other)));
    expect(bytes.byteLength).toBe(file.byteLength);
    expect(await lookWith(foreign)).toBeDefined();
  });

  it('of another part, or of the file before it was changed, is refused', async () => {
    const changed = file.slice();
    // The checksum of the digests, before DataEnd: other digests have another.
    const at = changed.byteLength - 37;
    const summary = Number(new DataView(changed.buffer).getBigUint64(at + 9, true));
    changed[summary - 17] = (changed[summary - 17] ?? 0) ^ 1;
    const files = { '/f/run.mcap': changed, '/f/run.mcap.pyramid': sidecar };
    await using recording = await openRecording('/f/run.mcap', { disk: memoryDisk(files) });
    expect(recording.parts[0]?.pyramid.unstored).toBeDefined();
    expect(await look(recording)).toBe(truth);
  });
});

describe('writing a sidecar', () => {
  const left = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name.endsWith('.tmp'));

  /** Tries to write the sidecar of the recording, which has none, on a disk that fails. */
  async function tryWith(disk: Disk): Promise<boolean> {
    const path = join(folder, 'run.mcap');
    await rm(pyramidPath(path), { force: true });
    await using recording = await openRecording(path, { disk });
    const isStored = await storePyramid(disk, recording.parts[0]!);
    expect(await look(recording)).toBe(truth);
    expect(await left()).toEqual([]);
    return isStored;
  }

  it('is whole or not at all, and its failure is no error', async () => {
    const open: Disk['open'] = async (path, mode) => {
      if (mode === 'create') throw systemError('EROFS');
      return systemDisk.open(path, mode);
    };
    const rename = async (): Promise<never> => {
      throw systemError('EACCES');
    };
    const full = faultyDisk({}, (opened) => {
      let writes = 0;
      return {
        ...opened,
        write: async (buffers, position) => {
          if (writes++ > 0) throw systemError('ENOSPC');
          return opened.write([buffers[0]!.subarray(0, 1000)], position);
        },
      };
    });
    expect(await tryWith(faultyDisk({ open }))).toBe(false);
    expect(await tryWith(faultyDisk({ rename }))).toBe(false);
    expect(await tryWith(full)).toBe(false);
    expect(await tryWith(faultyDisk({ freeBytes: async () => 1 << 20 }))).toBe(false);
    expect(await readdir(folder)).not.toContain('run.mcap.pyramid');
    expect(await tryWith(systemDisk)).toBe(true);
    expect(await readdir(folder)).toContain('run.mcap.pyramid');
  });

  it('in the background: what is missing or damaged is there afterwards, with its rows', async () => {
    const path = join(folder, 'run.mcap');
    for (const bytes of [undefined, sidecar.slice().fill(0, 5000, 5100), sidecar.slice().fill(1, sidecar.length - 9)]) {
      await rm(pyramidPath(path), { force: true });
      if (bytes) await writeFile(pyramidPath(path), bytes);
      const stored: string[] = [];
      await using keeper = new PyramidKeeper({ onStored: (name) => stored.push(name) });
      {
        await using recording = await openRecording(path);
        await look(recording);
        keeper.keep(recording.parts);
        keeper.keep(recording.parts);
      }
      await keeper.idle();
      expect(stored).toEqual([path]);
      expect(new Uint8Array(await readFile(pyramidPath(path)))).toEqual(sidecar);
    }
  });

  it('is not tried again where it cannot be', async () => {
    const path = join(folder, 'run.mcap');
    await rm(pyramidPath(path), { force: true });
    let tries = 0;
    const disk = faultyDisk({
      open: async (name, mode) => {
        if (mode !== 'create') return systemDisk.open(name, mode);
        tries++;
        throw systemError('EROFS');
      },
    });
    await using keeper = new PyramidKeeper({ disk });
    for (let round = 0; round < 3; round++) {
      await using recording = await openRecording(path, { disk });
      keeper.keep(recording.parts);
      await keeper.idle();
      expect(await look(recording)).toBe(truth);
    }
    expect(tries).toBe(1);
  });

  it('leaves a better one alone', async () => {
    const path = join(folder, 'run.mcap');
    await writeFile(pyramidPath(path), sidecar);
    const { mtimeMs } = await stat(pyramidPath(path));
    // Opened before there was one.
    const disk = faultyDisk({ stat: async (name) => (name.endsWith('.pyramid') ? undefined : systemDisk.stat(name)) });
    await using recording = await openRecording(path, { disk });
    expect(recording.parts[0]?.pyramid.unstored).toBeDefined();
    expect(await storePyramid(systemDisk, recording.parts[0]!)).toBe(true);
    expect(await ensurePyramid(systemDisk, path)).toBe(true);
    expect((await stat(pyramidPath(path))).mtimeMs).toBe(mtimeMs);
  });
});
