import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BenchPage, openBenchPage } from '../../benchmarks/plot-page.ts';
import { findChromium } from '../chromium-host/chromium.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');

declare const window: { libraryPage: { started: { session: string; options?: Record<string, unknown> }[] } };

/** Without Chromium (a newcomer's machine) these are skipped; CI installs it and sets LABWIRE_CI. */
const canRun = findChromium() !== undefined || process.env.LABWIRE_CI !== undefined;

describe.skipIf(!canRun)('the library', () => {
  let opened: BenchPage;
  beforeAll(async () => {
    opened = await openBenchPage(ROOT, 'library');
    await opened.page.getByTestId('recording-row').first().waitFor();
  });
  afterAll(async () => {
    await opened[Symbol.asyncDispose]();
  });

  /** Rows in the page, in their order: their places in the whole list from 0 on. */
  const places = (): Promise<number[]> =>
    opened.page
      .locator('tr[data-testid="recording-row"]')
      .evaluateAll((rows) => rows.map((row) => Number(row.getAttribute('aria-rowindex')) - 2));
  const focused = (): Promise<string | undefined> =>
    opened.page.evaluate('document.activeElement?.dataset?.id') as Promise<string | undefined>;

  test('of thousands has a bounded number of rows in the page, wherever it is scrolled to, and says how many there are', async () => {
    const { page } = opened;
    // All of them, though they do not go into one message of the link.
    await expect.poll(() => page.getByRole('table').first().getAttribute('aria-rowcount')).toBe('5001');
    expect((await places())[0]).toBe(0);
    const scroll = (share: number): Promise<unknown> =>
      page.evaluate(
        `{ const box = document.querySelector('.view-body'); box.scrollTop = box.scrollHeight * ${share}; }`,
      );
    for (const [share, from, to] of [
      [0.5, 2000, 3000],
      [1, 4970, 4999],
      [0.25, 900, 1700],
      [0, 0, 10],
    ] as const) {
      await scroll(share);
      // What is looked at is there: no gap stands in the middle of the box.
      await expect
        .poll(async () => {
          const looked = (await page.evaluate(`(() => {
            const { left, top, height } = document.querySelector('.view-body').getBoundingClientRect();
            return document.elementFromPoint(left + 60, top + height / 2)?.closest('tr')?.getAttribute('aria-rowindex');
          })()`)) as string | null;
          return looked === null ? -1 : Number(looked) - 2;
        })
        .toSatisfy((place: number) => place >= from && place <= to);
      expect((await places()).length).toBeLessThan(80);
    }
  });

  test('is gone through by keys from its first to its last, and the focus stays with the row that is picked', async () => {
    const { page } = opened;
    await page.getByTestId('recording-row').first().focus();
    await page.keyboard.press('ArrowDown');
    await expect.poll(focused).toBe('recording-1');
    await page.keyboard.press('End');
    await expect.poll(focused).toBe('recording-4999');
    await page.getByTestId('recording-row').filter({ hasText: 'Run 4999' }).waitFor();
    await page.keyboard.press('ArrowUp');
    await expect.poll(focused).toBe('recording-4998');
    // Scrolled away it is still there for the keyboard.
    await page.evaluate(`document.querySelector('.view-body').scrollTop = 0`);
    await expect.poll(async () => (await places())[0]).toBe(0);
    expect(await focused()).toBe('recording-4998');
    expect((await places()).length).toBeLessThan(80);
    await page.keyboard.press('PageUp');
    await expect.poll(focused).toBe('recording-4988');
    await page.keyboard.press('Home');
    await expect.poll(focused).toBe('recording-0');
  });

  test('shows what a search finds, from the top on', async () => {
    const { page } = opened;
    await page.evaluate(`document.querySelector('.view-body').scrollTop = 100000`);
    await page.getByLabel('Search recordings').fill('Run 4321');
    await expect.poll(places).toEqual([0]);
    expect(await page.getByTestId('recording-row').innerText()).toContain('Run 4321');
    await page.getByLabel('Search recordings').fill('');
    await expect.poll(async () => (await places()).length).toBeGreaterThan(10);
  });

  test('a session of messages is started with what was chosen for it', async () => {
    const { page } = opened;
    await page.goto(`${page.url()}#record`);
    await page.reload();
    await page.getByLabel('Format', { exact: true }).selectOption('lablink-csv');
    await page.getByLabel('Name', { exact: true }).fill('for others');
    await page.getByRole('switch', { name: 'Time of each message' }).click();
    await page.getByRole('switch', { name: 'Head with what it is' }).click();
    const size = page.getByLabel('New file after');
    await size.fill('5 kB');
    await page.getByText('At least 10 kB.').waitFor();
    await page.getByRole('button', { name: 'Start recording' }).click();
    expect(await page.evaluate(() => window.libraryPage.started)).toEqual([]);
    await size.fill('20 kB');
    await page.getByRole('button', { name: 'Start recording' }).click();
    await expect
      .poll(() => page.evaluate(() => window.libraryPage.started))
      .toMatchObject([
        {
          session: 'for others',
          options: { format: 'lablink-csv', gzip: true, timestamps: false, metadata: false, rotateBytes: 20_000 },
        },
      ]);
  });
});
