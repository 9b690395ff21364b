import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { onVanished } from './file-watch.ts';

it('tells when the file is gone, and not when it is written to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'labwire-watch-'));
  const path = join(folder, 'usbtmc0');
  writeFileSync(path, '');
  let isRemoved = false;
  const told = new Promise<boolean>((resolve) => {
    onVanished(path, () => resolve(isRemoved));
  });
  for (let count = 0; count < 100; count++) writeFileSync(path, 'message');
  isRemoved = true;
  rmSync(path);
  expect(await told).toBe(true);
  rmSync(folder, { recursive: true });
});

it('a file that cannot be watched is none of its business', () => {
  const told: string[] = [];
  const watch = onVanished('/nowhere/usbtmc0', () => told.push('gone'));
  watch[Symbol.dispose]();
  expect(told).toEqual([]);
});
