import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type MemoryDav, openMemoryDav } from '../../../test/fixtures/memory-dav.ts';
import { LabError } from '../../core/errors.ts';
import { emptyState } from '../state/empty-state.ts';
import { EventLog } from '../state/event-log.ts';
import { StateBoard } from '../state/state-board.ts';
import { createSystemClock } from '../system-clock.ts';
import { UploadDesk, type UploadDeskParts, type UploadedRow } from './upload-desk.ts';

const RETRY = { firstMs: 20, mostMs: 100, probeMs: 50 };
const WAIT = { timeout: 20_000 };

let folder: string;
let server: MemoryDav;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-desk-'));
  server = await openMemoryDav();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function part(name: string, bytes: number): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, randomBytes(bytes));
  return path;
}

const row = (id: string, paths: string[], state: UploadedRow['state'] = 'complete'): UploadedRow => ({
  id,
  name: basename(paths[0] ?? '', '.mcap'),
  paths,
  state,
  format: 'labwire',
  uploaded: null,
});

interface OpenDesk extends AsyncDisposable {
  desk: UploadDesk;
  board: StateBoard;
  /** What the library would say. */
  rows: Map<string, UploadedRow>;
  told: [string, string][];
}

async function openDesk(more: Partial<UploadDeskParts> = {}): Promise<OpenDesk> {
  const clock = createSystemClock();
  const board = new StateBoard(emptyState(folder));
  const rows = new Map<string, UploadedRow>();
  const told: [string, string][] = [];
  const desk = new UploadDesk({
    clock,
    board,
    events: new EventLog(clock, board),
    path: join(folder, 'uploads.json'),
    row: async (id) => {
      const found = rows.get(id);
      if (!found) throw new LabError('recording.unknown', 'none');
      return found;
    },
    uploaded: (id, where) => {
      told.push([id, where]);
      const known = rows.get(id);
      if (known) rows.set(id, { ...known, uploaded: where });
    },
    retry: RETRY,
    ...more,
  });
  await desk.open();
  return { desk, board, rows, told, [Symbol.asyncDispose]: () => desk[Symbol.asyncDispose]() };
}

const states = ({ desk }: OpenDesk): string[] => desk.state.uploads.map(({ state }) => state);
const target = (when: 'manual' | 'offline' | 'all' = 'manual') => ({ url: server.url, user: '', when });

test('two recordings whose files have one name are both there; where the second lies is said in its row and of the recording', async () => {
  await using open = await openDesk();
  await open.desk.setTarget(target(), undefined);
  const first = row('rec-1', [await part('night.mcap', 5000)]);
  const one = await readFile(first.paths[0] ?? '');
  open.rows.set('rec-1', first);
  await open.desk.add(first);
  await expect.poll(() => states(open), WAIT).toEqual(['done']);
  // Another folder of recordings, or the first was thrown away: the name is free here, and taken there.
  const second = row('rec-2', [await part('night.mcap', 5000), await part('night-0002.mcap', 10)]);
  open.rows.set('rec-2', second);
  await open.desk.add(second);
  await expect.poll(() => states(open), WAIT).toEqual(['done', 'done', 'done']);
  expect(server.files.get('night.mcap')).toEqual(one);
  expect(server.files.get('night 2.mcap')).toEqual(await readFile(second.paths[0] ?? ''));
  expect(open.desk.state.uploads.map(({ remote }) => remote)).toEqual([
    'night.mcap',
    'night 2.mcap',
    'night-0002.mcap',
  ]);
  await expect
    .poll(() => open.told)
    .toEqual([
      ['rec-1', server.url],
      ['rec-2', `${server.url} as “night 2.mcap”, since its name was taken there`],
    ]);
});

test('an engine that ended between the move and the read-back: the next one reads back, and sends nothing again', async () => {
  const path = await part('night.mcap', 50_000);
  let moved: () => void = () => undefined;
  const isMoved = new Promise<void>((resolve) => {
    moved = resolve;
  });
  {
    await using open = await openDesk();
    // The read-back is never answered: the engine ends while it waits.
    server.fault = (method, _, early) => {
      if (method === 'GET' && !early) {
        moved();
        return 'break';
      }
      return undefined;
    };
    await open.desk.setTarget(target(), undefined);
    await open.desk.add(row('rec', [path]));
    await isMoved;
  }
  expect([...server.files.keys()]).toEqual(['night.mcap']);
  server.fault = () => undefined;
  server.asked.length = 0;
  await using open = await openDesk();
  open.rows.set('rec', row('rec', [path]));
  await expect.poll(() => states(open), WAIT).toEqual(['done']);
  expect(server.asked.filter((asked) => /^(PUT|MOVE)/.test(asked))).toEqual([]);
  expect([...server.files.keys()]).toEqual(['night.mcap']);
  expect(open.desk.state.uploads[0]?.sha256).toBe(
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  );
  await expect.poll(() => open.told).toEqual([['rec', server.url]]);
});

test('what comes back otherwise than it was sent is put there once more, in its own place', async () => {
  await using open = await openDesk();
  const path = await part('night.mcap', 5000);
  let isDamaged = false;
  server.fault = (method, name) => {
    const held = server.files.get(name);
    if (method !== 'GET' || !held || isDamaged) return undefined;
    isDamaged = true;
    held[7] = (held[7] ?? 0) ^ 1;
    return undefined;
  };
  await open.desk.setTarget(target(), undefined);
  await open.desk.add(row('rec', [path]));
  await expect.poll(() => states(open), WAIT).toEqual(['done']);
  expect(open.desk.state.uploads[0]?.tries).toBe(2);
  expect([...server.files.keys()]).toEqual(['night.mcap']);
  expect(server.files.get('night.mcap')).toEqual(await readFile(path));
});

test('a file here that is gone when its turn comes is failed, said as that, and not tried for ever', async () => {
  await using open = await openDesk();
  const path = await part('night.mcap', 5000);
  server.fault = (method, _, early) => (method === 'OPTIONS' && !early ? 503 : undefined);
  await open.desk.setTarget(target(), undefined);
  await open.desk.add(row('rec', [path]));
  await expect.poll(() => open.desk.state.link, WAIT).toBe('unreachable');
  await rm(path);
  server.fault = () => undefined;
  await expect.poll(() => states(open), WAIT).toEqual(['failed']);
  expect(open.desk.state.uploads[0]?.error?.message).toContain('cannot be read here (ENOENT)');
  expect(open.desk.state.link, 'the server has nothing to do with it').toBe('reachable');
});

describe('a recording is uploaded when it is whole there', () => {
  test('of one that runs nothing is told; when it has ended and its last part is there, once', async () => {
    await using open = await openDesk();
    await open.desk.setTarget(target(), undefined);
    const paths = [await part('n.mcap', 100), await part('n-0002.mcap', 100)];
    const running = row('rec', [...paths, join(folder, 'n-0003.mcap.part')], 'recording');
    open.rows.set('rec', running);
    await open.desk.add(running);
    await expect.poll(() => states(open), WAIT).toEqual(['done', 'done']);
    await open.desk.offer(running);
    // Between two parts there is no other than these.
    await open.desk.offer({ ...running, paths });
    // Chosen while it ran: its later parts follow by themselves.
    const third = await part('n-0003.mcap', 100);
    await open.desk.addPart('rec', 'n', third, 3);
    await expect.poll(() => states(open), WAIT).toEqual(['done', 'done', 'done']);
    expect(open.told).toEqual([]);
    // A part that was in the queue of nobody: the seconds before the start.
    const ended = row('rec', [await part('n-past.mcap', 100), ...paths, third]);
    open.rows.set('rec', ended);
    await open.desk.offer(ended);
    await expect.poll(() => open.told, WAIT).toEqual([['rec', server.url]]);
    expect(states(open)).toEqual(['done', 'done', 'done', 'done']);
    expect(server.files.size).toBe(4);
  });

  test('a part whose file is another one since it was sent is not there', async () => {
    await using open = await openDesk();
    await open.desk.setTarget(target(), undefined);
    const path = await part('n.mcap', 100);
    await open.desk.add(row('rec', [path]));
    await expect.poll(() => states(open), WAIT).toEqual(['done']);
    await writeFile(path, randomBytes(120));
    await open.desk.offer(row('rec', [path]));
    open.rows.set('rec', row('rec', [path]));
    await expect.poll(() => open.told, WAIT).toHaveLength(1);
    expect(server.files.get('n 2.mcap')).toEqual(await readFile(path));
    expect(server.files.get('n.mcap')).toHaveLength(100);
  });

  test('a part that a person took out stays out, until the recording is chosen', async () => {
    await using open = await openDesk();
    server.fault = (method, _, early) => (method === 'OPTIONS' && !early ? 503 : undefined);
    await open.desk.setTarget(target('all'), undefined);
    const one = row('rec', [await part('n.mcap', 100)]);
    open.rows.set('rec', one);
    await open.desk.offer(one);
    open.desk.cancel(open.desk.state.uploads[0]?.id ?? '');
    await open.desk.offer(one);
    expect(states(open)).toEqual([]);
    server.fault = () => undefined;
    await open.desk.add(one);
    await expect.poll(() => open.told, WAIT).toEqual([['rec', server.url]]);
  });
});

test('of many parts done only the newest are remembered, also in memory; of recordings under way all; screens are told of what changed', async () => {
  await using open = await openDesk({ maxDone: 10 });
  let whole = 0;
  let changes = 0;
  using _ = open.board.onChange(({ event }) => {
    if (event === 'upload.changed') whole++;
    if (event === 'upload.progressed') changes++;
  });
  await open.desk.setTarget(target(), undefined);
  const long = row('long', await Promise.all(Array.from({ length: 20 }, (_, index) => part(`l-${index}.mcap`, 100))));
  await open.desk.add(long);
  await expect.poll(() => states(open).filter((state) => state === 'done'), WAIT).toHaveLength(20);
  const before = whole;
  expect(changes).toBeGreaterThan(20);
  for (let index = 0; index < 30; index++) {
    const one = row(`rec-${index}`, [await part(`n-${index}.mcap`, 100)]);
    open.rows.set(one.id, one);
    await open.desk.add(one);
  }
  await expect.poll(() => open.told, WAIT).toHaveLength(30);
  expect(whole - before, 'once for each that was put into the list, or went').toBeLessThanOrEqual(60);
  open.rows.set('long', long);
  await open.desk.offer(long);
  expect(open.told.at(-1)).toEqual(['long', server.url]);
  expect(open.desk.state.uploads.length).toBeLessThanOrEqual(11);
  expect(open.board.state.upload.uploads).toEqual(open.desk.state.uploads);
  expect((await stat(join(folder, 'uploads.json'))).size).toBeGreaterThan(0);
});
