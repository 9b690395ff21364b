import { afterAll, beforeAll, expect, test } from 'vitest';
import type { App } from './launch.ts';
import { launch } from './launch.ts';

let app: App;
beforeAll(async () => {
  app = await launch();
});
afterAll(async () => {
  expect(await app.close()).toBe(0);
});

test('the window shows our page', async () => {
  expect(await app.page.title()).toBe('Labwire');
  expect(await app.main(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.webContents.getURL())).toBe(
    'app://bundle/index.html',
  );
  expect(await app.page.evaluate(() => window.labwireShell?.version)).toBe('0.1.0');
});
