import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type BrowserHost, openBrowserHost } from './browser-host.ts';

/** A recording from its first second to the trash, as a person makes it: with choices, found, noted, exported, played again, thrown away. */

const SOON = { timeout: 60_000 };
const NAME = 'Night of board 7';
let host: BrowserHost;
let page: Page;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-recordings-'));
  // What is thrown away goes into a trash of this test.
  vi.stubEnv('XDG_DATA_HOME', folder);
  host = await openBrowserHost();
  page = host.page;
  page.setDefaultTimeout(10_000);
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Try the simulated bench' }).click();
  await page.getByText('5 instruments', { exact: true }).first().waitFor();
});

afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function setVoltage(volts: string): Promise<void> {
  const box = page.getByLabel('CH1 voltage', { exact: true });
  await box.fill(volts);
  await box.press('Enter');
}

/** What the legend of the plot says of a channel in V; NaN while it says nothing. */
async function shownVolts(channel: string): Promise<number> {
  const chip = page.locator('.plot-chip', { has: page.getByText(channel, { exact: true }) }).first();
  const [, value = '', prefix = ''] = /([−-]?[\d.\s]+)\s(m|µ|n)?V/.exec(await chip.innerText()) ?? [];
  const scale = { '': 1, m: 1e-3, µ: 1e-6, n: 1e-9 }[prefix] ?? Number.NaN;
  const digits = value.replace(/\s/g, '').replace('−', '-');
  return digits === '' ? Number.NaN : Number(digits) * scale;
}

function rowOf(name: string): Locator {
  return page.getByTestId('recording-row').filter({ hasText: name });
}

async function showLibrary(): Promise<void> {
  await page.keyboard.press('Control+3');
  await page.getByRole('heading', { level: 1, name: 'Recordings' }).waitFor();
}

/** Exports what is picked; gives the bytes of the download. */
async function exportAs(format: string, choose: (dialog: Locator) => Promise<void>): Promise<Buffer> {
  await page.getByRole('button', { name: 'Export…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Format').selectOption({ label: format });
  await choose(dialog);
  const [download] = await Promise.all([
    page.waitForEvent('download', { timeout: 60_000 }),
    dialog.getByRole('button', { name: 'Export', exact: true }).click(),
  ]);
  const path = join(folder, download.suggestedFilename());
  await download.saveAs(path);
  return readFile(path);
}

describe('a recording with choices', () => {
  it('is made with a name, tags, notes and the seconds before, from the keyboard', async () => {
    await setVoltage('3.3');
    await page.getByRole('switch', { name: 'CH1 output' }).click();
    await expect.poll(() => shownVolts('DP832 ch1 voltage'), SOON).toBeCloseTo(3.3, 1);
    await page.getByRole('button', { name: 'Recording choices' }).press('Enter');
    const dialog = page.getByRole('dialog');
    await expect.poll(() => page.evaluate(() => document.activeElement?.id), SOON).toBe('about-name');
    await dialog.getByLabel('Begin earlier (s)').fill('1');
    await dialog.getByLabel('Operator').fill('Ana');
    await dialog.getByLabel('Tags').fill('board 7, night');
    await dialog.getByLabel('Notes').fill('First try with the new inductor.');
    await dialog.getByLabel('Name').fill(NAME);
    await dialog.getByLabel('Name').press('Enter');
    await dialog.waitFor({ state: 'hidden' });
    await page
      .getByTestId('record')
      .getByText(/00:00:(0[2-9]|[1-5]\d)|00:0[1-9]:/)
      .waitFor();
    await setVoltage('5');
    await expect.poll(() => shownVolts('DP832 ch1 voltage'), SOON).toBeCloseTo(5, 1);
    await page.keyboard.press('Alt+r');
    await page.getByRole('button', { name: 'Record', exact: true }).waitFor();
    await page.getByRole('switch', { name: 'CH1 output' }).click();
  });

  it('is listed with its tags and found by its notes', async () => {
    await showLibrary();
    expect(await rowOf(NAME).innerText()).toMatch(/board 7 · night/);
    await rowOf(NAME).getByText('complete').waitFor();
    const search = page.getByRole('searchbox', { name: 'Search recordings' });
    await search.fill('no such thing');
    await page.getByRole('heading', { name: 'Nothing fits “no such thing”' }).waitFor();
    await search.fill('inductor');
    await rowOf(NAME).waitFor();
    // What is edited below would not be found by it any more.
    await search.fill('');
  });

  it('takes other tags and notes, and gives the focus back', async () => {
    const edit = page.getByRole('button', { name: 'Edit…' });
    await edit.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Tags').fill('board 7, golden');
    await dialog.getByLabel('Notes').fill('Better than expected.');
    await dialog.getByLabel('Name').press('Enter');
    await dialog.waitFor({ state: 'hidden' });
    await expect.poll(() => edit.evaluate((button) => button === document.activeElement), SOON).toBe(true);
    await page.getByRole('searchbox', { name: 'Search recordings' }).fill('golden');
    await expect.poll(() => rowOf(NAME).innerText(), SOON).toMatch(/board 7 · golden/);
    await page.getByLabel('Details of the recording').getByText('Better than expected.').waitFor();
    await page.getByRole('searchbox', { name: 'Search recordings' }).fill('');
  });

  it('is verified', async () => {
    await page.getByRole('button', { name: 'Verify', exact: true }).click();
    const answer = page.getByText(/^Every chunk is intact|problems? found/).first();
    expect(await answer.innerText()).toMatch(/^Every chunk is intact: .* 0 lost\.$/);
  });
});

describe('exports', () => {
  it('one channel as CSV with a semicolon', async () => {
    const file = await exportAs('CSV', async (dialog) => {
      await dialog.getByRole('button', { name: 'None' }).click();
      expect(await dialog.getByRole('button', { name: 'Export', exact: true }).isDisabled()).toBe(true);
      await dialog.getByRole('checkbox', { name: 'DP832 ch1 voltage V' }).check();
      await dialog.getByLabel('Between fields').selectOption({ label: 'semicolon' });
    });
    const [header = '', ...lines] = file.toString().trimEnd().split(/\r?\n/);
    expect(header).toMatch(/^time;elapsed \[s\];\S*ch1\.voltage \[V\]$/);
    const volts = lines.map((line) => Number(line.split(';')[2]));
    // The second before may reach back to where the output was off.
    expect(volts.some((value) => Math.abs(value - 3.3) < 0.05)).toBe(true);
    expect(volts.at(-1)).toBeCloseTo(5, 1);
  });

  it('a picture of the size that is wanted', async () => {
    const file = await exportAs('Picture (PNG)', async (dialog) => {
      await dialog.getByLabel('Width (px)').fill('800');
      await dialog.getByLabel('Height (px)').fill('600');
    });
    // PNG (ISO/IEC 15948): signature, then IHDR with width and height at 16 and 20.
    expect(file.subarray(1, 4).toString()).toBe('PNG');
    expect([file.readUInt32BE(16), file.readUInt32BE(20)]).toEqual([800, 600]);
  });
});

describe('before and after the fact', () => {
  it('pre-flight looks at everything and says what it means', async () => {
    await page.getByRole('button', { name: 'Pre-flight' }).click();
    const list = page.getByTestId('preflight');
    await list.getByText('5 instruments attached and live.').waitFor();
    expect(await list.locator('li').count()).toBeGreaterThanOrEqual(8);
    await page.keyboard.press('Escape');
    await list.waitFor({ state: 'hidden' });
  });

  it('a session of messages is listed as it runs, stopped, and listed as complete', async () => {
    await page.getByRole('button', { name: 'Recording choices' }).press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Format').selectOption({ label: 'LabLink JSON Lines' });
    await dialog.getByLabel('Name').fill('for others');
    await dialog.getByLabel('Name').press('Enter');
    await rowOf('for others').getByText('recording').waitFor();
    await page.getByTestId('session-row').getByRole('button', { name: 'Stop' }).click();
    await rowOf('for others').getByText('complete').waitFor();
    await page.getByTestId('session-row').waitFor({ state: 'detached' });
  });

  it('saves the last minute, though nobody pressed record', async () => {
    await page.getByRole('button', { name: 'Save the last…' }).press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Minutes').fill('1');
    await dialog.getByLabel('Name').fill('The inrush nobody recorded');
    await dialog.getByLabel('Name').press('Enter');
    await rowOf('The inrush nobody recorded').getByText('complete').waitFor();
  });
});

describe('replay', () => {
  const seek = (): Locator => page.getByRole('slider', { name: 'Position' });
  const status = (): Promise<string> => page.getByRole('toolbar', { name: 'Replay' }).getByRole('status').innerText();

  /** Where it says that it is, µs of the day. */
  async function position(): Promise<number> {
    const text = await page.getByTestId('replay-position').innerText();
    const [, hours, minutes, seconds, ms, us = 0] = /(\d+):(\d+):(\d+)\.(\d+)(?:\s+(\d+))?/.exec(text) ?? [];
    return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1e6 + Number(ms) * 1000 + Number(us);
  }

  async function press(key: string): Promise<void> {
    await seek().focus();
    await page.keyboard.press(key);
  }

  it('shows what was, not what is: before and after the step', async () => {
    await rowOf(NAME).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: /Replay/ }).click();
    await expect.poll(status, SOON).toBe('replay, paused');
    const start = await position();
    await press('End');
    await expect.poll(() => shownVolts('DP832 ch1 voltage'), SOON).toBeCloseTo(5, 1);
    // One second of the past and two at 3.3 V lie before the step.
    expect((await position()) - start).toBeGreaterThan(3e6);
    await press('Home');
    await expect.poll(position, SOON).toBe(start);
    await press('PageUp');
    await expect.poll(() => shownVolts('DP832 ch1 voltage'), SOON).toBeCloseTo(3.3, 1);
  });

  it('steps a row on and back', async () => {
    const before = await position();
    await press('.');
    await expect.poll(position, SOON).toBeGreaterThan(before);
    const first = await position();
    await press('.');
    await expect.poll(position, SOON).toBeGreaterThan(first);
    await press(',');
    await expect.poll(position, SOON).toBe(first);
  });

  it('plays to its end, and goes back to the recording', async () => {
    await page.getByLabel('Speed').selectOption('10');
    await press(' ');
    await expect.poll(status, SOON).toBe('replay, at the end');
    // The last values come with the next message, behind the word.
    await expect.poll(() => shownVolts('DP832 ch1 voltage'), SOON).toBeCloseTo(5, 1);
    await page.getByRole('button', { name: 'End replay' }).click();
    await page.getByRole('button', { name: 'Back to live' }).click();
  });
});

describe('the end', () => {
  it('is thrown away after a question, into the trash', async () => {
    await showLibrary();
    await rowOf(NAME).click();
    const ask = page.getByRole('button', { name: 'Throw away…' });
    await ask.press('Enter');
    await page.keyboard.press('Escape');
    await expect.poll(() => ask.evaluate((button) => button === document.activeElement), SOON).toBe(true);
    await ask.press('Enter');
    await page.getByRole('alertdialog').getByRole('button', { name: 'Throw away' }).press('Enter');
    await rowOf(NAME).waitFor({ state: 'detached' });
    const kept = await readdir(join(host.dataFolder, 'recordings'));
    expect(kept.filter((file) => file.startsWith(NAME))).toEqual([]);
  });

  it('threw and logged nothing', () => {
    expect(host.complaints).toEqual([]);
  });
});
