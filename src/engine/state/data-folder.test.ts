import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockHolder } from '../recording/file-lock.ts';
import { isAlive, openDataFolder, readAnnouncement } from './data-folder.ts';
import { readSettings, writeSettings } from './settings-file.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-data-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('data folder', () => {
  it('belongs to one engine; a second one is told where the first is', async () => {
    const first = await openDataFolder(folder, '1.0.0');
    await first.announce({ url: 'http://127.0.0.1:1/', token: 't' });
    await expect(openDataFolder(folder, '1.0.0')).rejects.toMatchObject({
      code: 'engine.folder-in-use',
      details: { pid: process.pid, url: 'http://127.0.0.1:1/', token: 't' },
    });
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await (await openDataFolder(folder, '1.0.0'))[Symbol.asyncDispose]();
  });

  it('keeps the token from other users', async () => {
    await using data = await openDataFolder(folder, '1.0.0');
    await data.announce({ url: 'http://127.0.0.1:1/', token: 't' });
    expect((await stat(join(folder, 'engine.json'))).mode & 0o777).toBe(0o600);
    expect(await readAnnouncement(folder)).toMatchObject({ pid: process.pid, token: 't' });
  });

  it.each([
    ['no number', 'garbage'],
    ['empty', ''],
    ['of a process that is gone', JSON.stringify({ ...lockHolder(), pid: 999_999_999 })],
    ['of an engine of this process', JSON.stringify(lockHolder())],
    ['of before the last start of the machine', JSON.stringify({ ...lockHolder(process.ppid), bootId: 'before' })],
    ['of a process whose number another one has now', JSON.stringify({ ...lockHolder(process.ppid), started: '1' })],
  ])('takes over a lock left behind: %s', async (_, text) => {
    await writeFile(join(folder, 'engine.lock'), text);
    await using data = await openDataFolder(folder, '1.0.0');
    expect(data.path).toBe(folder);
    expect(JSON.parse(await readFile(join(folder, 'engine.lock'), 'utf8'))).toEqual(lockHolder());
  });

  it.each([
    ['of a process that runs', JSON.stringify(lockHolder(process.ppid))],
    ['of another machine, touched just now', JSON.stringify({ ...lockHolder(), pid: 1, host: 'bench-pc' })],
  ])('leaves a lock alone: %s', async (_, text) => {
    await writeFile(join(folder, 'engine.lock'), text);
    await expect(openDataFolder(folder, '1.0.0')).rejects.toMatchObject({ code: 'engine.folder-in-use' });
    expect(await readFile(join(folder, 'engine.lock'), 'utf8')).toBe(text);
  });

  it('that cannot be made says so', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(openDataFolder(join(folder, 'file', 'under'), '1.0.0')).rejects.toMatchObject({
      code: 'engine.folder-unusable',
      message: expect.stringContaining('--data'),
    });
  });

  it('of engines that start at once over a stale lock, one wins', async () => {
    await writeFile(join(folder, 'engine.lock'), 'garbage');
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => openDataFolder(folder, '1.0.0')));
    const winners = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(winners).toHaveLength(1);
    await winners[0]?.[Symbol.asyncDispose]();
  });

  it('remembers epochs across runs', async () => {
    const first = await openDataFolder(folder, '1.0.0');
    first.keepEpoch(5_000_000);
    await first[Symbol.asyncDispose]();
    await using second = await openDataFolder(folder, '1.0.0');
    expect(second.lastEpoch).toBeGreaterThanOrEqual(5_000_000);
  });
});

describe('settings', () => {
  it('come back as written', async () => {
    const { settings } = await readSettings(folder);
    await writeSettings(folder, { ...settings, theme: 'light' });
    expect((await readSettings(folder)).settings.theme).toBe('light');
  });

  it('that cannot be written say so', async () => {
    const { settings } = await readSettings(folder);
    await expect(writeSettings(join(folder, 'none'), settings)).rejects.toMatchObject({ code: 'settings.unwritable' });
  });

  it('fall back field by field, and say so', async () => {
    await writeFile(join(folder, 'settings.json'), JSON.stringify({ theme: 'purple', timeoutMs: 700 }));
    const { settings, problem } = await readSettings(folder);
    expect(settings).toMatchObject({ theme: 'system', timeoutMs: 700 });
    expect(problem).toContain('did not fit');
  });

  it('that cannot be read are told, and left alone', async () => {
    await mkdir(join(folder, 'settings.json'));
    const { problem, isUnread } = await readSettings(folder);
    expect(problem).toMatch(/cannot be read from .*settings\.json \(EISDIR\)/);
    expect(isUnread).toBe(true);
  });

  it('keep an unreadable file beside', async () => {
    await writeFile(join(folder, 'settings.json'), '{');
    expect((await readSettings(folder)).problem).toContain('settings.json.bad');
    expect(await readFile(join(folder, 'settings.json.bad'), 'utf8')).toBe('{');
  });
});

it.skipIf(process.platform !== 'linux')('a process that has ended and waits for its parent is not alive', async () => {
  // The shell becomes a program that never asks for its child.
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line);
    await expect.poll(() => isAlive(pid)).toBe(false);
    expect(() => process.kill(pid, 0), 'its number is still taken').not.toThrow();
  } finally {
    parent.kill();
  }
});
