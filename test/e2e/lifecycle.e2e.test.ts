import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { launch } from './launch.ts';

const folder = mkdtempSync(join(tmpdir(), 'labwire-lifecycle-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the window comes back where it was, and a second instance brings it to the front', async () => {
  const bounds = { x: 100, y: 80, width: 1200, height: 700 };
  const first = await launch({ dataFolder: folder });
  await first.main(({ BrowserWindow }, place) => BrowserWindow.getAllWindows()[0]!.setBounds(place), bounds);
  const raised = first.main(
    ({ BrowserWindow, app }) =>
      new Promise<boolean>((done) => {
        BrowserWindow.getAllWindows()[0]!.minimize();
        app.once('second-instance', () => setImmediate(() => done(!BrowserWindow.getAllWindows()[0]!.isMinimized())));
      }),
  );
  await expect(launch({ dataFolder: folder })).rejects.toThrow('ended with code 0');
  expect(await raised).toBe(true);
  expect(await first.close()).toBe(0);

  const second = await launch({ dataFolder: folder });
  expect(await second.main(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.getBounds())).toEqual(bounds);
  expect(await second.close()).toBe(0);
});

test('closing the last window quits', async () => {
  const app = await launch({ dataFolder: folder });
  await app.main(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.close());
  expect(await app.close()).toBe(0);
});
