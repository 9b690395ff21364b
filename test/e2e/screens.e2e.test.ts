import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BrowserHost, openBrowserHost } from './browser-host.ts';

/** The screens as a person meets them: on the simulated bench, in a real browser, with good and bad input. */

const SCREENS = ['Bench', 'Plot', 'Recordings', 'Alarms', 'Console', 'Diagnostics', 'Settings'];
let host: BrowserHost;
let page: Page;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-screens-'));
  host = await openBrowserHost();
  page = host.page;
  page.setDefaultTimeout(10_000);
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Try the simulated bench' }).click();
  await page.getByText('5 instruments', { exact: true }).first().waitFor();
});

afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function show(screen: string): Promise<void> {
  await page.keyboard.press(`Control+${SCREENS.indexOf(screen) + 1}`);
  await page.getByRole('heading', { level: 1, name: screen }).waitFor();
}

/** Another tab of the same browser; the page of the host has a context of its own, which takes no second page. */
async function openTab(): Promise<Page> {
  const browser = page.context().browser();
  if (!browser) throw new Error('the page has no browser');
  return await browser.newPage({ colorScheme: 'dark' });
}

/** What a box says, once it says it. */
async function expectValue(on: Page, label: string, wanted: string): Promise<void> {
  await expect.poll(() => on.getByLabel(label, { exact: true }).inputValue()).toBe(wanted);
}

describe('the frame', () => {
  it('shows every screen on its key, with its heading', async () => {
    for (const screen of SCREENS) {
      await show(screen);
      expect(await page.getByRole('heading', { level: 1 }).count(), screen).toBe(1);
      expect(await page.locator('.rail [aria-current=page]').innerText()).toContain(screen);
    }
  });

  it('says 0 lost, and how fast samples come', async () => {
    expect(await page.getByTestId('lost').innerText()).toBe('0');
    await expect.poll(() => page.getByTestId('samples-per-second').innerText()).toMatch(/kS\/s$/);
  });

  it('changes its theme', async () => {
    await show('Settings');
    for (const [word, theme] of [
      ['Light', 'light'],
      ['High contrast', 'contrast'],
      ['Dark', 'dark'],
    ] as const) {
      await page.getByRole('button', { name: word, exact: true }).click();
      await page.locator(`html[data-theme=${theme}]`).waitFor();
    }
  });
});

describe('the bench', () => {
  it('has plots by role: the meter first, no waveform, nothing of an idle output', async () => {
    await show('Bench');
    const [first, second] = await page.locator('.plot').all();
    await expect
      .poll(() => first?.locator('.plot-chip .cut').allInnerTexts())
      .toEqual(['34461A voltage dc', 'DP832 ch1 voltage', 'DP832 ch1 current', 'SDL1020X-E current']);
    expect(await second?.locator('.plot-chip').count()).toBe(4);
  });

  it('has its cards in the order of roles', async () => {
    const cards = await page.locator('.card').evaluateAll((all) => all.map((card) => card.dataset.testid));
    expect(cards).toEqual(['card-meter', 'card-supply', 'card-load', 'card-scope', 'card-stream']);
  });

  it('takes 3v3, and refuses nonsense and what is beyond the limit', async () => {
    const box = page.getByLabel('CH1 voltage', { exact: true });
    await box.fill('3v3');
    await box.press('Enter');
    await expectValue(page, 'CH1 voltage', '3.300');
    for (const [typed, reason] of [
      ['banana', /is not a number/],
      ['99', /Highest is 32\.000 V/],
      ['3.3 A', /this takes V/],
    ] as const) {
      await box.fill(typed);
      await box.press('Enter');
      expect(await page.locator('.bubble.bad').innerText()).toMatch(reason);
      expect(await box.getAttribute('aria-invalid')).toBe('true');
      await box.press('Escape');
      expect(await box.inputValue()).toBe('3.300');
    }
  });

  it('steps the digit at the caret', async () => {
    const box = page.getByLabel('CH1 voltage', { exact: true });
    await box.focus();
    await box.press('End');
    await box.press('ArrowUp');
    expect(await box.inputValue()).toBe('3.301');
    await box.press('Escape');
    expect(await box.inputValue()).toBe('3.300');
  });

  it('folds the settings of the scope behind a line that says them', async () => {
    const line = page.getByRole('button', { name: /CH1 1 V\/div · 1 ms\/div · trigger CH1/ });
    expect(await page.getByLabel('CH1 offset').count()).toBe(0);
    await line.click();
    await page.getByLabel('CH1 offset').waitFor();
    await line.click();
  });

  it('keeps two tabs in step', async () => {
    const other = await openTab();
    const complaints: string[] = [];
    other.on('pageerror', (error) => complaints.push(error.message));
    await other.goto(host.url);
    await expectValue(other, 'CH1 voltage', '3.300');
    const box = other.getByLabel('CH2 voltage', { exact: true });
    await box.fill('1v8');
    await box.press('Enter');
    await expectValue(page, 'CH2 voltage', '1.800');
    expect(await other.locator('html').getAttribute('data-theme')).toBe('dark');
    await other.close();
    expect(complaints).toEqual([]);
  });
});

describe('alarms and recordings', () => {
  it('raises an alarm, tells it, and takes the acknowledgement', async () => {
    await show('Alarms');
    await page.getByRole('button', { name: 'New rule' }).first().click();
    expect(await page.getByLabel('Channel').locator('option', { hasText: 'waveform' }).count()).toBe(0);
    await page.getByLabel('Limit (V)').fill('1');
    await page.getByText('Latch').click();
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await show('Bench');
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await page.getByRole('button', { name: 'Stop recording' }).waitFor();
    await page.getByRole('switch', { name: 'CH1 output' }).click();
    await page.getByText(/^Alarm: 34461A voltage dc > 1 V/).waitFor();
    await show('Alarms');
    const row = page.getByTestId('active-alarm');
    expect(await row.innerText()).toContain('marked');
    await row.getByRole('button', { name: 'Acknowledge' }).click();
    await row.getByText('acknowledged').waitFor();
  });

  it('exports a recording as CSV', async () => {
    await page
      .getByTestId('record')
      .getByText(/00:00:0[1-9]/)
      .waitFor();
    await page.getByRole('button', { name: 'Stop recording' }).click();
    await page.getByRole('button', { name: 'Record', exact: true }).waitFor();
    await show('Recordings');
    await page.getByText('complete').first().click();
    await page.getByRole('button', { name: 'Export…' }).click();
    const dialog = page.getByRole('dialog');
    const [download] = await Promise.all([
      page.waitForEvent('download', { timeout: 60_000 }),
      dialog.getByRole('button', { name: 'Export', exact: true }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/\.csv$/);
    const path = join(folder, 'export.csv');
    await download.saveAs(path);
    const [header = '', first = '', second = ''] = (await readFile(path, 'utf8')).split('\n');
    const columns = header.split(',');
    expect(columns.slice(0, 2)).toEqual(['time', 'elapsed [s]']);
    expect(header).toMatch(/ch1\.voltage \[V\]/);
    expect(header).toMatch(/dut\.temperature \[degC\]/);
    for (const line of [first, second]) {
      expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z,-?\d+\.\d+,/);
      expect(line.split(',')).toHaveLength(columns.length);
    }
    expect(Number(second.split(',')[1])).toBeGreaterThan(Number(first.split(',')[1]));
  });

  it('opens it in Plot, and goes back to live', async () => {
    await page.getByRole('button', { name: 'Open in Plot' }).click();
    await page.getByTestId('plot-canvas').first().waitFor();
    await page.getByRole('button', { name: 'Back to live' }).click();
    await page.getByRole('button', { name: /Pause/ }).waitFor();
  });
});

describe('bench files', () => {
  it('refuses one from the future, a damaged and a missing one; the open bench stays', async () => {
    const future = join(folder, 'future.labwire');
    const bench = JSON.parse(await readFile(join(host.dataFolder, 'bench.labwire.json'), 'utf8'));
    await writeFile(future, JSON.stringify({ ...bench, version: 99 }));
    const damaged = join(folder, 'damaged.labwire');
    await writeFile(damaged, '{ "format":');
    await show('Bench');
    for (const [path, code] of [
      [future, 'bench.from-future'],
      [damaged, 'bench.malformed'],
      [join(folder, 'none.labwire'), 'bench.not-found'],
    ] as const) {
      await page.getByTestId('bench-menu').click();
      await page.getByRole('menuitem', { name: 'Open…' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('textbox').fill(path);
      await page.keyboard.press('Enter');
      await dialog.getByText(code).waitFor();
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'hidden' });
      expect(await page.locator('.card[data-state=live]').count()).toBe(5);
    }
  });

  it('threw and logged nothing', () => {
    expect(host.complaints).toEqual([]);
  });
});
