import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MemoryVolume } from '../../../test/fixtures/memory-volume.ts';
import { ManualClock } from '../../core/clock.ts';
import { systemDisk } from './disk.ts';
import { FolderWatch } from './folder-watch.ts';

const isWatched = (name: string): boolean => name.endsWith('.mcap');
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a folder that is deleted and made anew is watched again, and told as one that appeared', async () => {
  const root = await mkdtemp(join(tmpdir(), 'labwire-watch-'));
  const folder = join(root, 'drive');
  const clock = new ManualClock();
  let changes = 0;
  const appeared: string[] = [];
  await mkdir(folder);
  const watch = new FolderWatch({
    folders: () => [folder],
    clock,
    disk: systemDisk,
    isWatched,
    changed: () => void changes++,
    appeared: (path) => void appeared.push(path),
  });
  try {
    await watch.look();
    await rm(folder, { recursive: true });
    await watch.look();
    await mkdir(folder);
    expect(appeared).toEqual([]);
    // The look now and then, and what it tells.
    await clock.advance(15_000);
    await watch.look();
    expect(appeared).toEqual([folder]);
    await clock.advance(5000);
    expect(changes).toBeGreaterThan(0);
    while (clock.pending > 1) await clock.advance(100);
    const before = changes;
    await writeFile(join(folder, 'a.mcap'), 'x');
    // Told by the system: no look has come by.
    while (clock.pending < 2) await turn();
    await clock.advance(500);
    expect(changes).toBe(before + 1);
  } finally {
    watch[Symbol.dispose]();
    await rm(root, { recursive: true, force: true });
  }
  expect(clock.pending).toBe(0);
});

test('a folder of which the system tells nothing is looked at now and then: files that come, grow and go', async () => {
  const disk = new MemoryVolume();
  await disk.makeFolder('/network');
  const clock = new ManualClock();
  let changes = 0;
  using watch = new FolderWatch({
    folders: () => ['/network'],
    clock,
    disk,
    isWatched,
    changed: () => void changes++,
    limits: { pollMs: 10_000 },
  });
  const look = async (): Promise<number> => {
    const before = changes;
    await clock.advance(9000);
    await watch.look();
    await clock.advance(1000);
    return changes - before;
  };
  expect(await look()).toBe(0);
  const file = await disk.open('/network/a.mcap', 'create');
  expect(await look()).toBe(1);
  for (let position = 0; position < 3; position++) {
    await file.write([new Uint8Array(1)], position);
    expect(await look(), 'it grows').toBe(1);
  }
  expect(await look(), 'it has kept still').toBe(0);
  await disk.remove('/network/a.mcap');
  expect(await look()).toBe(1);
  expect(await look()).toBe(0);
});

test('what changes without end is told all the same, now and then', async () => {
  const clock = new ManualClock();
  let changes = 0;
  using watch = new FolderWatch({
    folders: () => [],
    clock,
    disk: new MemoryVolume(),
    isWatched,
    changed: () => void changes++,
  });
  for (let round = 0; round < 100; round++) {
    watch.touch();
    await clock.advance(100);
  }
  expect(changes).toBe(2);
  await clock.advance(5000);
  expect(changes).toBe(2);
  watch.touch();
  await clock.advance(500);
  expect(changes).toBe(3);
});
