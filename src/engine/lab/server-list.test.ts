import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ServerList } from './server-list.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-servers-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('a file that cannot be read is told and left alone', async () => {
  const path = join(folder, 'servers.json');
  const warnings: string[] = [];
  await mkdir(path);
  const list = new ServerList(path, 10, (text) => void warnings.push(text));
  expect(await list.read()).toEqual([]);
  expect(warnings).toEqual([expect.stringMatching(/cannot be read from .*servers\.json \(EISDIR\)/)]);
  await rmdir(path);
  await writeFile(path, 'as it was');
  await list.save();
  expect(await readFile(path, 'utf8')).toBe('as it was');
});

it('a damaged file is set aside', async () => {
  const path = join(folder, 'servers.json');
  const warnings: string[] = [];
  await writeFile(path, '{"version":1,"servers":[{}]}');
  const list = new ServerList(path, 10, (text) => void warnings.push(text));
  expect(await list.read()).toEqual([]);
  await list.save();
  expect(warnings).toEqual([expect.stringContaining('servers.json.bad')]);
  expect((await readdir(folder)).sort()).toEqual(['servers.json', 'servers.json.bad']);
});
