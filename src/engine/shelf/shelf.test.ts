import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ABOUT,
  checkBatch,
  createTestClock,
  POLLED,
  polledBatch,
  START_NS,
  STREAMED,
  streamedBatch,
  valueAt,
} from '../../../test/fixtures/recording-source.ts';
import { systemDisk } from '../recording/disk.ts';
import { openLibrary } from '../recording/library.ts';
import { openRecorder } from '../recording/recorder.ts';
import { openRecording } from '../recording/recording.ts';
import { verifyRecording } from '../recording/verify.ts';
import { editRecording } from './edit-head.ts';
import { repairRecording } from './repair.ts';
import { thinRecording } from './thin.ts';
import { moveToTrash } from './trash.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-shelf-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const ROWS = 20_000;

/** A recording of known values; of several parts if they are small. */
async function record(name = 'night', partBytes = 1 << 30): Promise<string[]> {
  const clock = createTestClock();
  const recorder = await openRecorder({
    folder,
    name,
    clock,
    about: ABOUT,
    limits: { chunkBytes: 20_000, partBytes, reserveBytes: 0 },
    labels: { tags: ['first'], operator: 'Ada' },
  });
  recorder.streamOpened(STREAMED);
  recorder.streamOpened(POLLED);
  for (let row = 0; row < ROWS; row += 1000) {
    recorder.batch(streamedBatch(row, 1000));
    recorder.batch(polledBatch(row / 1000));
    await clock.advance(100);
  }
  return (await recorder.stop('enough')).paths;
}

async function streamedRows(path: string): Promise<number> {
  await using recording = await openRecording(path);
  let rows = 0;
  for await (const batch of recording.batches()) {
    if (recording.streams[batch.stream - 1]?.info.kind !== 'regular') continue;
    checkBatch(batch);
    rows += batch.rows;
  }
  return rows;
}

describe('what is written about a recording', () => {
  test.each([1 << 30, 100_000])(
    'name, notes, tags, operator change; samples and everything else do not (parts of %d bytes)',
    async (partBytes) => {
      const [first = ''] = await record('night', partBytes);
      const before = await openRecording(first);
      await before[Symbol.asyncDispose]();
      await editRecording(
        before,
        { name: 'Long night', notes: 'It rained.', tags: ['rain', 'first'], operator: 'Grace' },
        systemDisk,
        createTestClock(),
      );
      const names = (await readdir(folder)).filter((name) => name.endsWith('.mcap')).sort();
      expect(names[0]).toMatch(/^Long night/);
      expect(names).toHaveLength(before.parts.length);
      const path = join(folder, names.find((name) => name === 'Long night.mcap') ?? '');
      await using after = await openRecording(path);
      expect(after.info).toMatchObject({
        id: before.info.id,
        name: 'Long night',
        notes: 'It rained.',
        tags: ['rain', 'first'],
        operator: 'Grace',
        complete: true,
      });
      expect(after.info.events).toEqual(before.info.events);
      expect(after.info.channels).toEqual(before.info.channels);
      expect(await verifyRecording(after)).toMatchObject({ ok: true, problems: [] });
      expect(await streamedRows(path)).toBe(ROWS);
    },
  );

  test('again and again: the file does not grow without end, and stays whole', async () => {
    const [path = ''] = await record();
    let bytes = 0;
    for (let round = 0; round < 20; round++) {
      const recording = await openRecording(path);
      await recording[Symbol.asyncDispose]();
      await editRecording(recording, { notes: `round ${round}` }, systemDisk, createTestClock());
      if (round === 0) bytes = (await stat(path)).size;
    }
    expect((await stat(path)).size - bytes).toBeLessThan(20 * 1000);
    await using recording = await openRecording(path);
    expect(recording.info.notes).toBe('round 19');
    expect(await verifyRecording(recording)).toMatchObject({ ok: true });
  });

  test('cut off in the middle of it: the next start finishes the file, every sample is there', async () => {
    const [path = ''] = await record();
    const recording = await openRecording(path);
    await recording[Symbol.asyncDispose]();
    const failing = {
      ...systemDisk,
      open: async (at: string, mode: 'read' | 'create' | 'update') => {
        const file = await systemDisk.open(at, mode);
        return mode === 'update'
          ? { ...file, write: () => Promise.reject(Object.assign(new Error('x'), { code: 'EIO' })) }
          : file;
      },
    };
    await expect(editRecording(recording, { notes: 'never' }, failing, createTestClock())).rejects.toMatchObject({
      code: 'recording.failed',
    });
    await using library = await openLibrary({ folder: () => folder, clock: createTestClock() });
    await library.recover();
    const [row] = await library.list();
    expect(row).toMatchObject({ name: 'night', notes: ABOUT.notes });
    expect(await streamedRows(row?.paths[0] ?? '')).toBe(ROWS);
  });
});

test('a damaged chunk: what can be read is written as another recording, what cannot is declared lost; the damaged one stays', async () => {
  const [path = ''] = await record();
  const bytes = await readFile(path);
  const { chunk, rows } = await (async () => {
    await using recording = await openRecording(path);
    const at = [...(recording.parts[0]?.chunks ?? [])][3];
    return { chunk: at, rows: at?.streams.map((stream) => stream.rows) ?? [] };
  })();
  const at = (chunk?.offset ?? 0) + 400;
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  await writeFile(path, bytes);
  await using damaged = await openRecording(path);
  const result = await repairRecording(damaged, { folder });
  const all = rows.reduce((sum, count) => sum + count, 0);
  expect(result.missing).toBe(all);
  expect(all).toBeGreaterThan(1000);
  expect(result.problems).toHaveLength(1);
  await using repaired = await openRecording(result.paths[0] ?? '');
  expect(repaired.info).toMatchObject({ name: 'night repaired', lost: all });
  expect(repaired.info.gaps.some(({ reason, lost }) => reason.includes('Damaged') && rows.includes(lost))).toBe(true);
  expect((await verifyRecording(repaired)).problems.filter((problem) => !problem.includes('lost'))).toEqual([]);
  expect(await streamedRows(result.paths[0] ?? '')).toBe(ROWS - Math.max(...rows));
  expect(await readFile(path)).toEqual(bytes);
});

describe('thinning', () => {
  test('mean, min and max of each interval, as defined; said in the file; the whole one goes to the trash afterwards', async () => {
    const [path = ''] = await record();
    const trashed: string[] = [];
    const id = await (async () => {
      await using recording = await openRecording(path);
      await thinRecording(recording, {
        intervalS: 0.25,
        nowNs: START_NS,
        trash: async (paths) => {
          for (const one of paths) {
            trashed.push(basename(one));
            await rm(one);
          }
        },
      });
      return recording.info.id;
    })();
    expect(trashed).toEqual(['night whole.mcap']);
    await using thin = await openRecording(path);
    expect(thin.info).toMatchObject({
      id,
      name: 'night',
      thinned: expect.stringContaining('Of each 0.25 s mean, min and max remain'),
    });
    expect(thin.info.channels.map(({ name }) => name)).toEqual(expect.arrayContaining(['ai0', 'ai0.min', 'ai0.max']));
    const stream = thin.streams.find(({ info }) => info.instrument === 'daq')?.info.id ?? 0;
    let interval = 0;
    for await (const batch of thin.batches({ streams: [stream] })) {
      for (let row = 0; row < batch.rows; row++, interval++) {
        // 2,500 rows of 0.1 ms each.
        const values = Array.from({ length: 2500 }, (_, index) => valueAt(interval * 2500 + index, 0));
        const tNs = batch.t0Ns + BigInt(Math.round((batch.times?.[row] ?? 0) * 1e9));
        expect(tNs).toBe(START_NS + BigInt(interval) * 250_000_000n);
        expect(batch.columns[0]?.[row]).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / 2500, 6);
        expect(batch.columns[1]?.[row]).toBe(Math.min(...values));
        expect(batch.columns[2]?.[row]).toBe(Math.max(...values));
      }
    }
    expect(interval).toBe(ROWS / 2500);
    await expect(thinRecording(thin, { intervalS: 1, nowNs: 0n, trash: async () => undefined })).rejects.toMatchObject({
      code: 'recording.fixed',
    });
  });

  test('a trash that refuses: the whole one is as it was, and nothing else is left', async () => {
    const [path = ''] = await record();
    const before = await readFile(path);
    await using recording = await openRecording(path);
    await expect(
      thinRecording(recording, { intervalS: 1, nowNs: 0n, trash: () => Promise.reject(new Error('no trash')) }),
    ).rejects.toThrow('no trash');
    expect(await readFile(path)).toEqual(before);
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

test('the trash of Linux: files and where they were, none over another', async () => {
  const dataHome = join(folder, 'data');
  for (const round of [1, 2]) {
    await writeFile(join(folder, 'a #1.mcap'), String(round));
    await moveToTrash([join(folder, 'a #1.mcap')], { platform: 'linux', home: folder, dataHome });
  }
  expect((await readdir(join(dataHome, 'Trash', 'files'))).sort()).toEqual(['a #1 2.mcap', 'a #1.mcap']);
  expect(await readFile(join(dataHome, 'Trash', 'files', 'a #1.mcap'), 'utf8')).toBe('1');
  const info = await readFile(join(dataHome, 'Trash', 'info', 'a #1.mcap.trashinfo'), 'utf8');
  expect(info).toMatch(/^\[Trash Info\]\nPath=\/.*\/a%20%231\.mcap\nDeletionDate=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\n$/);
  await expect(
    moveToTrash([join(folder, 'gone.mcap')], { platform: 'linux', home: folder, dataHome }),
  ).rejects.toMatchObject({
    code: 'recording.denied',
  });
  expect(await readdir(join(dataHome, 'Trash', 'info'))).toHaveLength(2);
});

describe('the library', () => {
  test('finds by name, notes, tags, operator, instrument and channel; every word must fit', async () => {
    await record('Battery test');
    await record('Rain');
    await using library = await openLibrary({ folder: () => folder, clock: createTestClock() });
    const found = async (search: string): Promise<string[]> =>
      (await library.list(search)).map(({ name }) => name).sort();
    expect(await found('')).toEqual(['Battery test', 'Rain']);
    expect(await found('battery')).toEqual(['Battery test']);
    expect(await found('RAIN ada')).toEqual(['Rain']);
    expect(await found('first rail')).toEqual(['Battery test', 'Rain']);
    expect(await found('quotes SERIAL ai3')).toEqual(['Battery test', 'Rain']);
    expect(await found('battery rain')).toEqual([]);
  });

  test('what was found is kept: the next library reads no file again, until it changes', async () => {
    for (let count = 0; count < 5; count++) await record(`n${count}`);
    const cachePath = join(folder, 'cache', 'library.json');
    await mkdir(join(folder, 'cache'));
    const clock = createTestClock();
    let opened = 0;
    const disk = {
      ...systemDisk,
      open: (...args: Parameters<typeof systemDisk.open>) => {
        opened++;
        return systemDisk.open(...args);
      },
    };
    {
      await using library = await openLibrary({ folder: () => folder, clock, cachePath, disk });
      const rows = await library.list();
      library.mark(rows[0]?.id ?? '', { verified: { ok: true, atNs: '5' } });
    }
    expect(opened).toBeGreaterThan(0);
    opened = 0;
    await using library = await openLibrary({ folder: () => folder, clock, cachePath, disk });
    const rows = await library.list('n');
    expect(rows).toHaveLength(5);
    expect(opened).toBe(0);
    expect(rows.filter(({ verified }) => verified?.ok)).toHaveLength(1);
    const marked = rows.find(({ verified }) => verified);
    const path = marked?.paths[0] ?? '';
    await writeFile(path, (await readFile(path)).subarray(0, -1));
    const again = (await library.list()).find(({ id }) => id === marked?.id);
    expect(again?.verified, 'it is another file now').toBeNull();
    await writeFile(cachePath, '{"version":1,"files":7}');
    await using fresh = await openLibrary({ folder: () => folder, clock, cachePath });
    expect(await fresh.list()).toHaveLength(5);
  });

  test('sessions of messages are listed by their files', async () => {
    for (const name of [
      'stream_exp 1_20251113_143022.jsonl.gz',
      'stream_exp 1_20251113_143022_0002.jsonl.gz',
      'stream_x_20251113_150000.csv',
      'notes.csv',
    ]) {
      await writeFile(join(folder, name), 'abc');
    }
    await using library = await openLibrary({ folder: () => folder, clock: createTestClock() });
    const rows = await library.list();
    expect(rows.map(({ name, format, paths, bytes }) => ({ name, format, parts: paths.length, bytes }))).toEqual([
      { name: 'x', format: 'lablink-csv', parts: 1, bytes: 3 },
      { name: 'exp 1', format: 'lablink-jsonl', parts: 2, bytes: 6 },
    ]);
    expect(rows[1]?.startedNs).toBe(String(BigInt(Date.UTC(2025, 10, 13, 14, 30, 22)) * 1_000_000n));
  });
});
