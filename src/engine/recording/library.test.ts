import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ABOUT,
  checkBatch,
  createTestClock,
  faultyDisk,
  POLLED,
  polledBatch,
  STREAMED,
  streamedBatch,
  systemError,
} from '../../../test/fixtures/recording-source.ts';
import { recordingInfo as infoSchema, recordingRow as rowSchema } from '../../contract/recording-schema.ts';
import { systemDisk } from './disk.ts';
import { fileStem, partStem } from './file-name.ts';
import { type Library, openLibrary } from './library.ts';
import { openRecorder } from './recorder.ts';
import type { RecorderOptions } from './recorder-options.ts';
import { recordingInfo } from './recording-row.ts';

let folder: string;
let library: Library;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-library-'));
  library = await openLibrary({ folder: () => folder, clock: createTestClock() });
});
afterEach(async () => {
  await library[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function record(name: string, startMs: number, partBytes = 1e9): Promise<string> {
  const clock = createTestClock();
  await clock.advance(startMs);
  const recorder = await openRecorder({
    folder,
    name,
    clock,
    about: ABOUT,
    limits: { reserveBytes: 0, chunkBytes: 20_000, partBytes },
  });
  recorder.streamOpened(POLLED);
  recorder.streamOpened(STREAMED);
  for (let row = 0; row < 10; row++) {
    recorder.batch(polledBatch(row));
    recorder.batch(streamedBatch(row * 1000, 1000));
  }
  await recorder.stop('');
  return recorder.id;
}

describe('a library', () => {
  it('lists recordings newest first, parts as one, under ids that are no paths and stay', async () => {
    const first = await record('first', 0);
    const second = await record('second', 60_000, 50_000);
    const rows = await library.list();
    for (const row of rows) rowSchema.parse(row);
    expect(rows.map(({ id, name, state }) => [id, name, state])).toEqual([
      [second, 'second', 'complete'],
      [first, 'first', 'complete'],
    ]);
    expect(rows[0]?.paths.length).toBeGreaterThan(1);
    expect(rows[0]?.instruments).toEqual(['supply', 'daq']);
    expect(rows[0]?.preview.filter((column) => column !== null)).toHaveLength(64);
    await rename(join(folder, 'first.mcap'), join(folder, 'other name.mcap'));
    await using opened = await library.open(first);
    expect(opened.info.paths).toEqual([join(folder, 'other name.mcap')]);
    for await (const batch of opened.batches()) checkBatch(batch);
    infoSchema.parse(recordingInfo(opened));
  });

  it('shows foreign, damaged and cut files with the reason, and takes no harm from them', async () => {
    const id = await record('good', 0);
    await writeFile(join(folder, 'text.mcap'), 'nothing of ours, but the name fits');
    await writeFile(join(folder, 'notes.txt'), 'not looked at');
    await record('cut', 5000);
    await rename(join(folder, 'cut.mcap'), join(folder, 'cut.mcap.part'));
    await truncate(join(folder, 'cut.mcap.part'), 100_000);
    await mkdir(join(folder, 'folder.mcap'));
    await record('torn', 6000, 50_000);
    await rm(join(folder, 'torn.mcap'));
    const rows = await library.list();
    expect(rows.map(({ name, state, reason }) => [name, state, reason])).toEqual(
      expect.arrayContaining([
        ['good', 'complete', undefined],
        ['cut', 'interrupted', expect.stringContaining('was cut off')],
        ['torn', 'damaged', expect.stringMatching(/^Part 1 of \d is not there/)],
        ['text.mcap', 'damaged', expect.stringContaining('no Labwire recording')],
        ['folder.mcap', 'damaged', expect.any(String)],
      ]),
    );
    expect(rows).toHaveLength(5);
    const foreign = rows.find((row) => row.name === 'text.mcap');
    expect(foreign?.id).toMatch(/^file-[0-9a-f]{16}$/);
    await expect(library.open(foreign?.id ?? '')).rejects.toMatchObject({ code: 'recording.foreign' });
    await expect(library.open('rec-nothing')).rejects.toMatchObject({ code: 'recording.unknown' });
    await expect(library.open('../good.mcap')).rejects.toMatchObject({ code: 'recording.unknown' });
    expect((await library.recover()).map(({ state }) => state)).toEqual(['finished']);
    expect((await library.list()).find((row) => row.name === 'cut')?.state).toBe('recovered');
    await using opened = await library.open(id);
    expect(opened.info.complete).toBe(true);
  });

  it('lists nothing of what is being made anew, and waits for its end', async () => {
    const id = await record('night', 0);
    let resolve = (): void => undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    const path = join(folder, 'night.mcap');
    await rename(path, join(folder, 'other.mcap.part'));
    const change = library.during(promise);
    let isListed = false;
    const listing = library.list().then((rows) => {
      isListed = true;
      return rows;
    });
    await library.during(rename(join(folder, 'other.mcap.part'), path));
    expect(isListed).toBe(false);
    resolve();
    await change;
    expect((await listing).map((row) => [row.id, row.state])).toEqual([[id, 'complete']]);
  });

  it('lists a copy for itself: the recording it was copied from stays whole', async () => {
    const id = await record('night', 0, 50_000);
    const [row] = await library.list();
    const [first = '', second = ''] = row?.paths ?? [];
    await copyFile(first, join(folder, 'a.mcap'));
    await copyFile(second, join(folder, 'copy of the second.mcap'));
    await truncate(join(folder, 'copy of the second.mcap'), 9000);
    const rows = await library.list();
    expect(rows.find((one) => one.id === id)).toEqual(row);
    const copies = rows.filter((one) => one.id !== id);
    expect(copies.map(({ name, state, paths }) => [name, state, paths.length])).toEqual(
      expect.arrayContaining([
        ['a.mcap', expect.any(String), 1],
        ['copy of the second.mcap', 'interrupted', 1],
      ]),
    );
    expect(copies).toHaveLength(2);
    const copy = copies.find(({ name }) => name === 'a.mcap');
    await using opened = await library.open(copy?.id ?? '');
    expect(opened.info.paths).toEqual([join(folder, 'a.mcap')]);
    for await (const batch of opened.batches()) checkBatch(batch);
    // After a start with what was known, the same.
    expect((await library.list()).map((one) => one.id).sort()).toEqual(rows.map((one) => one.id).sort());
  });

  it('reads known files only once, so hundreds are listed at the cost of a look at each', async () => {
    for (let index = 0; index < 12; index++) await record(`run ${index}`, index * 1000);
    let opened = 0;
    const disk = {
      ...systemDisk,
      open: (...call: Parameters<typeof systemDisk.open>) => {
        if (call[0].endsWith('.mcap')) opened++;
        return systemDisk.open(...call);
      },
    };
    await using counted = await openLibrary({ folder: () => folder, clock: createTestClock(), disk });
    expect(await counted.list()).toHaveLength(12);
    const before = opened;
    expect(await counted.list()).toHaveLength(12);
    expect(opened).toBe(before);
    await rm(join(folder, 'run 3.mcap'));
    await record('new', 99_000);
    expect((await counted.list()).map(({ name }) => name)).toEqual([
      'new',
      ...[11, 10, 9, 8, 7, 6, 5, 4, 2, 1, 0].map((index) => `run ${index}`),
    ]);
    expect(opened).toBe(before + 2);
  });

  it('of a missing folder is empty; of one it may not read says so', async () => {
    await using missing = await openLibrary({ folder: () => join(folder, 'none'), clock: createTestClock() });
    expect(await missing.list()).toEqual([]);
    expect(await missing.recover()).toEqual([]);
    const disk = faultyDisk({ list: () => Promise.reject(systemError('EACCES')) });
    await using denied = await openLibrary({ folder: () => folder, clock: createTestClock(), disk });
    await expect(denied.list()).rejects.toMatchObject({ code: 'recording.denied' });
  });

  it('tells when somebody else fills the folder', async () => {
    const clock = createTestClock();
    await using watching = await openLibrary({ folder: () => folder, clock });
    let calls = 0;
    const told = new Promise<void>((resolve) => {
      watching.onChange(() => {
        calls++;
        resolve();
      });
    });
    await record('copied here', 0);
    // Beside the look now and then.
    while (clock.pending < 2) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(500);
    await told;
    expect(calls).toBe(1);
  });

  it('is of all folders it is given: parts in two are one recording, what was cut off elsewhere is finished, and in a folder of somebody only what is asked for', async () => {
    const second = join(folder, 'second');
    const own = join(folder, 'own');
    const recordInto = async (place: string, name: string, continues?: RecorderOptions['continues']) => {
      const options = { name, clock: createTestClock(), about: ABOUT, limits: { reserveBytes: 0 }, continues };
      const recorder = await openRecorder({ ...options, folder: place });
      recorder.streamOpened(POLLED);
      for (let row = continues ? 5 : 0; row < (continues ? 10 : 5); row++) recorder.batch(polledBatch(row));
      return recorder;
    };
    const first = await recordInto(folder, 'night');
    const { id, startedNs } = first;
    await first.rotateNow();
    // The empty part behind it: as if its drive had gone then.
    const { paths } = await first.stop('');
    await rm(paths.at(-1) ?? '');
    const next = await recordInto(second, 'night', { id, startedNs, part: 2 });
    const { paths: there } = await next.stop('');
    await rename(there[0] ?? '', `${there[0]}.part`);
    await truncate(`${there[0]}.part`, (await stat(`${there[0]}.part`)).size - 100);
    const mine = await recordInto(own, 'mine');
    await mine.stop('');
    await (await recordInto(own, 'not mine')).stop('');
    await writeFile(join(own, 'letter.mcap'), 'something else');

    const others = [{ path: second }, { path: own, recordings: new Set([mine.id]) }];
    await using wide = await openLibrary({ folder: () => folder, others: () => others, clock: createTestClock() });
    expect(wide.folders).toEqual([folder, second, own]);
    const narrow = (await library.list()).find((row) => row.id === id);
    expect(narrow?.reason).toMatch(/goes on after part 1.*Look for night-0002\.mcap/);
    expect((await wide.list()).find((row) => row.id === id)?.state).toBe('interrupted');
    const recovered = await wide.recover();
    expect(recovered.map(({ state, recording }) => [state, recording?.part])).toEqual([['finished', 2]]);
    const rows = await wide.list();
    expect(rows.map(({ name }) => name).sort()).toEqual(['mine', 'night']);
    const whole = rows.find((row) => row.id === id);
    expect(whole?.paths).toEqual([join(folder, 'night.mcap'), there[0]]);
    await using opened = await wide.open(id);
    let count = 0;
    for await (const batch of opened.batches()) count += checkBatch(batch) / 2;
    expect(count).toBe(10);
    const disk = faultyDisk({
      list: (path) => (path === second ? Promise.reject(systemError('EACCES')) : systemDisk.list(path)),
    });
    const clock = createTestClock();
    await using partly = await openLibrary({ folder: () => folder, others: () => [{ path: second }], clock, disk });
    expect(await partly.list()).toHaveLength(1);
    expect(partly.problem).toContain(`${second} cannot be read`);
    expect(await partly.recover()).toMatchObject([{ path: second, state: 'unreadable' }]);
  });

  it('says so when there are more files than it looks at', async () => {
    for (const name of ['a', 'b', 'c']) await record(name, 0);
    await using small = await openLibrary({ folder: () => folder, clock: createTestClock(), maxFiles: 2 });
    expect(await small.list()).toHaveLength(2);
    expect(small.problem).toMatch(/hold 3 files of recordings; 2 of them are looked at/);
    expect(library.problem).toBe('');
  });

  it('tells when a file that is copied in slowly is whole', async () => {
    await record('night', 0);
    const whole = await readFile(join(folder, 'night.mcap'));
    await rm(join(folder, 'night.mcap'));
    const clock = createTestClock();
    await using watching = await openLibrary({ folder: () => folder, clock });
    let calls = 0;
    watching.onChange(() => {
      calls++;
    });
    const told = async (number: number): Promise<void> => {
      while (calls < number) {
        while (clock.pending < 2) await new Promise((resolve) => setImmediate(resolve));
        await clock.advance(500);
      }
    };
    await writeFile(join(folder, 'copied.mcap'), whole.subarray(0, whole.length / 2));
    await told(1);
    expect((await watching.list())[0]?.state).toBe('interrupted');
    await appendFile(join(folder, 'copied.mcap'), whole.subarray(whole.length / 2));
    await told(2);
    expect((await watching.list())[0]?.state).toBe('complete');
  });
});

describe('file names', () => {
  it.each([
    ['Burn-in 24 h', 'Burn-in 24 h'],
    ['../../etc/passwd', '-..-etc-passwd'],
    ['😀'.repeat(80), '😀'.repeat(45)],
    ['a/b\\c:d*?"<>|', 'a-b-c-d-'],
    ['', 'recording'],
    ['...', 'recording'],
    ['nul.txt', '_nul.txt'],
    ['name. ', 'name'],
    ['line\nbreak\u0000', 'line-break-'],
    ['µ'.repeat(200), 'µ'.repeat(80)],
  ])('%j is recorded to %j', (name, stem) => {
    expect(fileStem(name)).toBe(stem);
  });

  it('of parts carry their number', () => {
    expect([partStem('x', 1), partStem('x', 2), partStem('x', 12_345)]).toEqual(['x', 'x-0002', 'x-12345']);
  });
});
