import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isFolder, makeFolder } from './make-folder.ts';

test('makes what is missing, twice and at once too; a file in the way is the error of the system', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'labwire-folder-'));
  const deep = join(folder, 'a', 'b', 'c');
  await Promise.all([makeFolder(deep), makeFolder(deep), makeFolder(join(folder, 'a', 'x'))]);
  await makeFolder(deep);
  expect([await isFolder(deep), await isFolder(join(folder, 'a', 'x'))]).toEqual([true, true]);
  const file = join(folder, 'file');
  await writeFile(file, '');
  await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(file, 'below'))).rejects.toMatchObject({ code: 'EEXIST' });
  await rm(folder, { recursive: true });
});

test.runIf(process.platform === 'linux')('ends where a folder takes no entries', async () => {
  await expect(makeFolder('/proc/labwire/below')).rejects.toMatchObject({ code: 'ENOENT' });
});
