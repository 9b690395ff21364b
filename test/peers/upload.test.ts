import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { emptyState } from '../../src/engine/state/empty-state.ts';
import { EventLog } from '../../src/engine/state/event-log.ts';
import { StateBoard } from '../../src/engine/state/state-board.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { UploadDesk, type UploadedRow } from '../../src/engine/upload/upload-desk.ts';
import { type DavServer, openDavServer } from './dav-server.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const RETRY = { firstMs: 20, mostMs: 100, probeMs: 50, silenceMs: 3000 };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-upload-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function part(name: string, bytes: number): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, randomBytes(bytes));
  return path;
}

async function openDesk(): Promise<{ desk: UploadDesk; whole: string[] }> {
  const rows = new Map<string, UploadedRow>();
  const clock = createSystemClock();
  const board = new StateBoard(emptyState(folder));
  const whole: string[] = [];
  const desk = new UploadDesk({
    clock,
    board,
    events: new EventLog(clock, board),
    path: join(folder, 'uploads.json'),
    row: async (id) => rows.get(id) ?? Promise.reject(new Error('no such recording')),
    uploaded: (recording) => whole.push(recording),
    retry: RETRY,
  });
  await desk.open();
  const add = desk.add.bind(desk);
  desk.add = (row) => {
    rows.set(row.id, { ...row, state: 'complete', format: 'labwire', uploaded: null });
    return add(row);
  };
  return { desk, whole };
}

const states = (desk: UploadDesk): string[] => desk.state.uploads.map(({ state }) => state);

describe('to Apache with mod_dav', () => {
  let server: DavServer;
  beforeEach(async () => {
    server = await openDavServer();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  test('parts are there under their names, whole, read back; sent once, also after a restart of the engine', async () => {
    const paths = [
      await part('night.mcap', 3_000_000),
      await part('night-0002.mcap', 10),
      await part('night #3 ä.mcap', 0),
    ];
    {
      const { desk, whole } = await openDesk();
      await using _ = desk;
      await desk.setTarget({ url: server.url, user: 'bench', when: 'manual' }, 'secret');
      await desk.add({ id: 'rec-1', name: 'night', paths });
      await expect.poll(() => states(desk)).toEqual(['done', 'done', 'done']);
      await expect.poll(() => whole).toEqual(['rec-1']);
      for (const { path, sha256: sum } of desk.state.uploads) expect(sum).toBe(sha256(await readFile(path)));
    }
    expect((await readdir(server.folder)).sort()).toEqual(['night #3 ä.mcap', 'night-0002.mcap', 'night.mcap'].sort());
    expect(await readFile(join(server.folder, 'night.mcap'))).toEqual(await readFile(paths[0] ?? ''));
    const before = (await stat(join(server.folder, 'night.mcap'))).mtimeMs;
    const { desk } = await openDesk();
    await using _ = desk;
    await desk.setTarget({ url: server.url, user: 'bench', when: 'manual' }, 'secret');
    await desk.add({ id: 'rec-1', name: 'night', paths });
    await desk.add({ id: 'rec-2', name: 'other', paths: [await part('other.mcap', 100)] });
    await expect.poll(() => states(desk)).toEqual(['done', 'done', 'done', 'done']);
    expect((await stat(join(server.folder, 'night.mcap'))).mtimeMs).toBe(before);
  });

  test('a server that goes in the middle and comes back: the parts that were there stay, the rest follows by itself', async () => {
    const { desk, whole } = await openDesk();
    await using _ = desk;
    await server.stop();
    await desk.setTarget({ url: server.url, user: 'bench', when: 'offline' }, 'secret');
    const paths = await Promise.all(Array.from({ length: 6 }, (_, index) => part(`n-${index}.mcap`, 2_000_000)));
    await desk.add({ id: 'rec', name: 'n', paths });
    await expect.poll(() => desk.state.link).toBe('unreachable');
    expect(desk.isOffline).toBe(true);
    await server.start();
    await expect.poll(() => states(desk).filter((state) => state === 'done').length).toBeGreaterThan(1);
    await server.stop();
    const before = desk.state.uploads.filter(({ state }) => state === 'done');
    const timesOf = (): Promise<number[]> =>
      Promise.all(before.map(async ({ remote }) => (await stat(join(server.folder, remote))).ctimeMs));
    const times = await timesOf();
    await server.start();
    await expect.poll(() => states(desk).every((state) => state === 'done')).toBe(true);
    expect(await timesOf(), 'what was there was not sent again').toEqual(times);
    expect(desk.state.uploads.filter(({ id }) => before.some((one) => one.id === id))).toEqual(before);
    await expect.poll(() => whole).toEqual(['rec']);
    for (const path of paths)
      expect(await readFile(join(server.folder, path.slice(folder.length + 1)))).toEqual(await readFile(path));
  });

  test('two recordings of one file name are both there, under two names', async () => {
    const { desk } = await openDesk();
    await using _ = desk;
    await desk.setTarget({ url: server.url, user: 'bench', when: 'manual' }, 'secret');
    const contents: Buffer[] = [];
    for (const id of ['rec-1', 'rec-2', 'rec-3']) {
      const path = await part('n.mcap', 100_000);
      contents.push(await readFile(path));
      await desk.add({ id, name: 'n', paths: [path] });
      await expect.poll(() => states(desk).every((state) => state === 'done')).toBe(true);
    }
    expect((await readdir(server.folder)).sort()).toEqual(['n 2.mcap', 'n 3.mcap', 'n.mcap']);
    for (const [index, name] of ['n.mcap', 'n 2.mcap', 'n 3.mcap'].entries()) {
      expect(await readFile(join(server.folder, name))).toEqual(contents[index]);
    }
  });

  test('a wrong password is said, nothing is sent, and the right one sends it', async () => {
    const { desk } = await openDesk();
    await using _ = desk;
    await desk.setTarget({ url: server.url, user: 'bench', when: 'manual' }, 'wrong');
    await desk.add({ id: 'rec', name: 'n', paths: [await part('n.mcap', 1000)] });
    await expect.poll(() => desk.state.link).toBe('needs-password');
    expect(states(desk)).toEqual(['waiting']);
    await desk.setTarget({ url: server.url, user: 'bench', when: 'manual' }, 'secret');
    await expect.poll(() => states(desk)).toEqual(['done']);
  });
});

describe('a server that lies', () => {
  let server: Server;
  let damaged = 2;
  const held = new Map<string, Buffer>();
  beforeEach(async () => {
    held.clear();
    damaged = 2;
    server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const path = request.url ?? '';
        if (request.method === 'PUT') {
          const body = Buffer.concat(pieces);
          if (damaged > 0 && body.length > 0) {
            damaged--;
            body[0] = (body[0] ?? 0) ^ 1;
          }
          held.set(path, body);
          response.writeHead(201).end();
        } else if (request.method === 'GET') response.writeHead(held.has(path) ? 200 : 404).end(held.get(path));
        // No MOVE: a plain server that takes files.
        else response.writeHead(request.method === 'OPTIONS' ? 200 : 405).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test('what comes back otherwise than it was sent is sent again until it is right', async () => {
    const { desk } = await openDesk();
    await using _ = desk;
    const path = await part('n.mcap', 1000);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
    await desk.setTarget({ url, user: '', when: 'manual' }, undefined);
    await desk.add({ id: 'rec', name: 'n', paths: [path] });
    await expect.poll(() => states(desk)).toEqual(['done']);
    expect(desk.state.uploads[0]?.tries).toBeGreaterThan(1);
    expect(held.get('/x/n.mcap')).toEqual(await readFile(path));
  });
});

test('a part that is gone, a target that is none, a queue that cannot be read', async () => {
  await mkdir(join(folder, 'q'));
  await writeFile(join(folder, 'uploads.json'), '{"version":9}');
  const { desk } = await openDesk();
  await using _ = desk;
  expect(desk.state.uploads).toEqual([]);
  await expect(desk.add({ id: 'r', name: 'n', paths: [] })).rejects.toMatchObject({ code: 'upload.failed' });
  await expect(desk.setTarget({ url: 'ftp://x/', user: '', when: 'all' }, undefined)).rejects.toMatchObject({
    code: 'call.invalid',
  });
  await desk.setTarget({ url: 'http://127.0.0.1:9/', user: '', when: 'all' }, undefined);
  await desk.add({ id: 'r', name: 'n', paths: [join(folder, 'gone.mcap')] });
  expect(desk.state.uploads).toEqual([]);
  expect(() => desk.retry('?')).toThrowError(expect.objectContaining({ code: 'upload.unknown' }));
});
