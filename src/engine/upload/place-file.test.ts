import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type MemoryDav, openMemoryDav } from '../../../test/fixtures/memory-dav.ts';
import { type PlacedFile, placeFile } from './place-file.ts';
import { Webdav } from './webdav.ts';

let folder: string;
let server: MemoryDav;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-place-'));
  server = await openMemoryDav();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function file(bytes: number | Buffer, name = 'night.mcap'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof bytes === 'number' ? randomBytes(bytes) : bytes);
  return path;
}

const place = (path: string, token = 'one'): Promise<PlacedFile> =>
  placeFile(new Webdav({ url: server.url, user: '', password: undefined }), path, 'night.mcap', { token });

test.each([true, false])(
  'nothing on the server is written over: another file of that name gets a name of its own (MOVE: %s)',
  async (knowsMove) => {
    server.knowsMove = knowsMove;
    const first = await readFile(await file(70_000));
    expect(await place(join(folder, 'night.mcap'))).toMatchObject({
      name: 'night.mcap',
      bytes: 70_000,
      wasThere: false,
    });
    // As long as the other, so that its size tells nothing.
    const second = await readFile(await file(70_000));
    expect(await place(join(folder, 'night.mcap'), 'two')).toMatchObject({ name: 'night 2.mcap', wasThere: false });
    const third = await readFile(await file(60_000));
    expect(await place(join(folder, 'night.mcap'), 'three')).toMatchObject({ name: 'night 3.mcap', wasThere: false });
    expect(Object.fromEntries(server.files)).toEqual({
      'night.mcap': first,
      'night 2.mcap': second,
      'night 3.mcap': third,
    });
    // The very same: it is there.
    expect(await place(join(folder, 'night.mcap'), 'four')).toMatchObject({ name: 'night 3.mcap', wasThere: true });
    expect(server.files.size).toBe(3);
  },
);

test('somebody who takes the name between the look and the move keeps it, and the bytes are sent once', async () => {
  const other = randomBytes(100);
  server.fault = (method) => {
    if (method === 'MOVE' && !server.files.has('night.mcap')) server.files.set('night.mcap', other);
    return undefined;
  };
  const path = await file(50_000);
  expect((await place(path)).name).toBe('night 2.mcap');
  expect(server.files.get('night.mcap')).toEqual(other);
  expect(server.files.get('night 2.mcap')).toEqual(await readFile(path));
  expect(server.asked.filter((asked) => asked.startsWith('PUT'))).toHaveLength(1);
});

test('without MOVE, a link that breaks leaves a beginning: that, and nothing else, is written over', async () => {
  server.knowsMove = false;
  const path = await file(50_000);
  const whole = await readFile(path);
  server.files.set('night.mcap', whole.subarray(0, 20_000));
  expect((await place(path)).name).toBe('night.mcap');
  expect(server.files.get('night.mcap')).toEqual(whole);
  server.files.set('night.mcap', randomBytes(20_000));
  expect((await place(path)).name).toBe('night 2.mcap');
});

test('a server that knows no HEAD is asked by GET', async () => {
  server.fault = (method, _, early) => (method === 'HEAD' && !early ? 405 : undefined);
  server.files.set('night.mcap', randomBytes(10));
  expect((await place(await file(10))).name).toBe('night 2.mcap');
});

/** Open files of this process; what was closed a moment ago may still be among them. */
async function openPaths(): Promise<string[]> {
  const open = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return open.filter((path) => path.startsWith(folder));
}

const BIG = 30_000_000;

test.runIf(process.platform === 'linux').each([
  ['a link that breaks', 'break' as const],
  ['a refusal before the file came', 413],
  ['a server that is out of order', 503],
])('%s: the rest is not read or sent, and the file is closed', async (_, fault) => {
  const path = await file(BIG);
  server.fault = (method, __, early) => (method === 'PUT' && early ? fault : undefined);
  await expect(place(path)).rejects.toMatchObject({ code: 'upload.failed' });
  await expect.poll(openPaths).toEqual([]);
  expect(server.receivedBytes).toBeLessThan(BIG);
});

test('a file here that is gone or cannot be read is told as that, and is final', async () => {
  const gone = { code: 'upload.failed', details: { isFinal: true, system: 'ENOENT' } };
  const path = await file(1000);
  await rm(path);
  await expect(place(path)).rejects.toMatchObject({ ...gone, message: expect.stringContaining('cannot be read here') });
  // Reading a folder is an error of the system, as that of a disk is; its size can be told.
  await expect(place(folder)).rejects.toMatchObject({
    code: 'upload.failed',
    message: expect.stringMatching(/cannot be read here \(EISDIR\)/),
    details: { isFinal: true },
  });
});

test('a file that became shorter while it was sent is told as changed, and not waited for', async () => {
  const path = await file(BIG);
  let isCut = false;
  server.fault = (method, _, early) => {
    if (method === 'PUT' && early && !isCut) {
      isCut = true;
      // Before its bytes are asked for: what is read later is missing.
      writeFileSync(path, 'short');
    }
    return undefined;
  };
  await expect(place(path)).rejects.toMatchObject({
    code: 'upload.failed',
    message: expect.stringContaining('changed while it was sent'),
    details: { isFinal: false },
  });
});
