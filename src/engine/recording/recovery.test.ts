import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  ABOUT,
  createTestClock,
  faultyDisk,
  STREAMED,
  streamedBatch,
  systemError,
} from '../../../test/fixtures/recording-source.ts';
import { type Disk, type DiskFile, systemDisk } from './disk.ts';
import { openRecorder } from './recorder.ts';
import { openRecording } from './recording.ts';
import { recoverFolder } from './recovery.ts';

const ROUNDS = 20;

let folder: string;
let part: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-recovery-'));
  part = join(folder, 'run.mcap.part');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A file that was cut off behind its last chunk, and where its chunks are. */
async function cutOff(): Promise<{ bytes: Uint8Array; chunks: { offset: number; length: number; rows: number }[] }> {
  const limits = { chunkBytes: 4096, reserveBytes: 0 };
  const clock = createTestClock();
  const recorder = await openRecorder({ folder, name: 'run', clock, about: ABOUT, limits, compression: 'lz4' });
  recorder.streamOpened(STREAMED);
  for (let round = 0; round < ROUNDS; round++) recorder.batch(streamedBatch(round * 300, 300));
  await recorder.stop('');
  const path = join(folder, 'run.mcap');
  const whole = new Uint8Array(await readFile(path));
  const chunks: { offset: number; length: number; rows: number }[] = [];
  {
    await using recording = await openRecording(path);
    for (const { offset, length, streams } of recording.parts[0]?.chunks ?? []) {
      chunks.push({ offset, length, rows: streams.reduce((sum, { rows }) => sum + rows, 0) });
    }
  }
  for (const name of await readdir(folder)) await rm(join(folder, name));
  const last = chunks.at(-1);
  const bytes = whole.slice(0, (last?.offset ?? 0) + (last?.length ?? 0));
  await writeFile(part, bytes);
  return { bytes, chunks };
}

it('chunks that cannot be unpacked here are no torn ones: the file stays as it is and is finished where they can', async () => {
  const { bytes, chunks } = await cutOff();
  // As an engine sees them that has no such library.
  const foreign = bytes.slice();
  for (const { offset } of chunks.slice(-5)) foreign.set(new TextEncoder().encode('lz9'), offset + 41);
  await writeFile(part, foreign);
  expect(await recoverFolder(folder, createTestClock())).toMatchObject([
    { path: part, state: 'unreadable', error: { code: 'recording.packed', details: { compression: 'lz9' } } },
  ]);
  expect(await readdir(folder)).toEqual(['run.mcap.part']);
  expect(Buffer.compare(await readFile(part), foreign)).toBe(0);
  await writeFile(part, bytes);
  expect(await recoverFolder(folder, createTestClock())).toMatchObject([{ state: 'finished' }]);
  await using recording = await openRecording(join(folder, 'run.mcap'));
  expect(recording.streams[0]?.rows).toBe(ROUNDS * 300);
});

it('torn chunks at the end are cut off, and the event says how many bytes that were', async () => {
  const { bytes, chunks } = await cutOff();
  const [torn, last] = chunks.slice(-2);
  if (!torn || !last) throw new Error('too few chunks');
  await writeFile(
    part,
    bytes
      .slice()
      .fill(0, torn.offset + 60, torn.offset + torn.length)
      .fill(0, last.offset + 60),
  );
  expect(await recoverFolder(folder, createTestClock())).toMatchObject([{ state: 'finished' }]);
  await using recording = await openRecording(join(folder, 'run.mcap'));
  expect(recording.streams[0]?.rows).toBe(chunks.slice(0, -2).reduce((sum, { rows }) => sum + rows, 0));
  const event = recording.info.events.at(-1);
  expect(event).toMatchObject({ kind: 'interrupted', data: { cutBytes: bytes.byteLength - torn.offset } });
  expect(event?.text).toContain(`${bytes.byteLength - torn.offset} bytes that were being written`);
});

/** A disk that lets files be opened to change them and fails at one call of those; counts the open ones. */
function failingDisk(call: 'open' | 'truncate' | 'write' | 'rename' | 'text'): { disk: Disk; open(): number } {
  const open = new Set<DiskFile>();
  const disk = faultyDisk({
    open: async (path, mode) => {
      if (mode === 'update' && call === 'open') throw systemError('EACCES');
      const file = await systemDisk.open(path, mode);
      if (mode !== 'update') return file;
      open.add(file);
      return {
        ...file,
        truncate: (bytes) => (call === 'truncate' ? Promise.reject(systemError('EIO')) : file.truncate(bytes)),
        write: (buffers, at) => (call === 'write' ? Promise.reject(systemError('EIO')) : file.write(buffers, at)),
        close: () => {
          open.delete(file);
          return file.close();
        },
      };
    },
    rename: (from, to) =>
      call === 'rename' && to.endsWith('.mcap') ? Promise.reject(systemError('EIO')) : systemDisk.rename(from, to),
    writeText: async (path, text) => {
      if (call !== 'text') return systemDisk.writeText(path, text);
      // A full disk takes the name.
      await systemDisk.writeText(path, '');
      throw systemError('ENOSPC');
    },
  });
  return { disk, open: () => open.size };
}

it.each([
  ['open', 'recording.denied'],
  ['truncate', 'recording.failed'],
  ['write', 'recording.failed'],
  ['rename', 'recording.failed'],
  ['text', 'recording.disk-full'],
] as const)(
  'a file that cannot be finished (%s fails) is left with no lock, no handle and no other file',
  async (call, code) => {
    await cutOff();
    const { disk, open } = failingDisk(call);
    for (let time = 1; time <= 3; time++) {
      const found = await recoverFolder(folder, createTestClock(), disk);
      expect(found, `time ${time}`).toMatchObject([{ path: part, state: 'unreadable', error: { code } }]);
      expect(await readdir(folder)).toEqual(['run.mcap.part']);
    }
    expect(open()).toBe(0);
    expect(await recoverFolder(folder, createTestClock())).toMatchObject([{ state: 'finished' }]);
    await using recording = await openRecording(join(folder, 'run.mcap'));
    expect(recording.streams[0]?.rows).toBe(ROUNDS * 300);
  },
);

it('a file with its end and not its name, which cannot be given it, is left with no lock', async () => {
  await cutOff();
  await recoverFolder(folder, createTestClock());
  await systemDisk.rename(join(folder, 'run.mcap'), part);
  await rm(join(folder, 'run.mcap.pyramid'));
  const { disk, open } = failingDisk('rename');
  expect(await recoverFolder(folder, createTestClock(), disk)).toMatchObject([{ state: 'unreadable' }]);
  expect([await readdir(folder), open()]).toEqual([['run.mcap.part'], 0]);
});

it('temporaries of locks that a crash left go; those of now, and what only looks like one, stay', async () => {
  const old = ['run.mcap.part.lock.0123abcd', 'stream_run_20251113_143022.jsonl.lock.89abcdef'];
  const others = ['notes.lock.0123abcd', 'run.mcap.part.lock.backup', 'run-0002.mcap.part.lock.01234567'];
  for (const name of [...old, ...others]) await writeFile(join(folder, name), '');
  const hourAgo = Date.now() / 1000 - 3600;
  for (const name of [...old, ...others.slice(0, 2)]) await utimes(join(folder, name), hourAgo, hourAgo);
  await recoverFolder(folder, createTestClock());
  expect((await readdir(folder)).sort()).toEqual([...others].sort());
});
