import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAnnouncement } from '../../src/engine/state/data-folder.ts';
import { type BrowserHost, openBrowserHost } from './browser-host.ts';

/** A page of a real Chromium on `labwire serve`: what it shows when the engine goes, and when another one comes in its place. */

let host: BrowserHost;
beforeAll(async () => {
  host = await openBrowserHost({ settings: { startSimulator: false } });
});
afterAll(() => host?.[Symbol.asyncDispose]());

test('a page comes back by itself after a kill -9 of the engine', async () => {
  const { page, dataFolder } = host;
  await page.getByText('Live', { exact: true }).waitFor();
  const before = await readAnnouncement(dataFolder);
  process.kill(before?.pid ?? 0, 'SIGKILL');
  await page.getByText('Live', { exact: true }).waitFor({ state: 'hidden' });
  await page.getByText('Live', { exact: true }).waitFor();
  const after = await readAnnouncement(dataFolder);
  expect(after).toMatchObject({ url: before?.url, token: before?.token });
  expect(after?.pid).not.toBe(before?.pid);
});

test('a page whose key is of a former engine says to open the new address', async () => {
  const { page } = host;
  await page.evaluate(() => sessionStorage.setItem('labwire.token', 'A'.repeat(43)));
  await page.reload();
  await page
    .getByText(/Open the newly printed address/)
    .first()
    .waitFor();
});
