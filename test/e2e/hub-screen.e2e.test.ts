import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { findRunningEngine, type RunningEngine } from '../../src/headless/running-engine.ts';
import { fromBase32, oneTimeCode } from '../../src/hub/access/one-time-code.ts';
import { LabScreen } from '../lab/lab-screen.ts';
import { freePort } from '../servers/free-port.ts';
import { type BrowserHost, openBrowserHost } from './browser-host.ts';

/** A person at another machine: logs in at the hub, sees the plot, may only look, and learns why when that ends. */

const PASSWORD = 'four words of a bench';
const SOON = { timeout: 60_000 };

const scope = new Scope('hub screen e2e');
let host: BrowserHost;
let bench: LabScreen;
let engine: RunningEngine;
let page: Page;
let url: string;
const complaints: string[] = [];

beforeAll(async () => {
  host = scope.use(await openBrowserHost({ settings: { startSimulator: true } }));
  const found = await findRunningEngine(host.dataFolder, 'test');
  if (!found) throw new Error('no engine answers');
  engine = scope.use({ ...found, [Symbol.dispose]: () => found.client[Symbol.dispose]() });
  bench = await LabScreen.open(engine.client);
  const simulator = await bench.until('the simulated bench', ({ simulator: now }) => now.state === 'running' && now);
  const supply = simulator.instruments.find((one) => /DP8/.test(JSON.stringify(one)));
  await bench.attach(supply?.resources[0] ?? '');
  const port = await freePort();
  await engine.client.call('settings.set', {
    share: { ...bench.state.settings.share, on: true, port, anonymous: false },
  });
  url = await bench.until('the hub', ({ share }) => share.state === 'on' && share.urls[0]);
  await engine.client.call('share.addUser', { user: 'vera', role: 'viewer', password: PASSWORD });
  const context = await host.page
    .context()
    .browser()
    ?.newContext({ viewport: { width: 1440, height: 900 } });
  if (!context) throw new Error('no browser');
  page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
}, 180_000);

afterAll(() => scope[Symbol.asyncDispose]());

/** What an app for one-time codes shows now. */
function codeOf(secret: string): string {
  return oneTimeCode(fromBase32(secret) ?? new Uint8Array(), Date.now() / 1000);
}

async function logIn(password: string): Promise<void> {
  await page.getByLabel('User').fill('vera');
  await page.getByLabel('Password').fill(password);
  await page.getByLabel('Password').press('Enter');
}

describe('a person at another machine', () => {
  it('is asked for a login, and told when it is wrong', async () => {
    await page.goto(`${url}/`);
    await page.getByRole('heading', { name: 'Log in to this bench' }).waitFor();
    await logIn('not the password at all');
    await page
      .getByRole('alert')
      .filter({ hasText: /password/i })
      .waitFor();
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/login.png` });
  });

  it('sees the bench and its plot live, may only look, and is seen', async () => {
    complaints.length = 0;
    await logIn(PASSWORD);
    await page.getByText('Live', { exact: true }).waitFor();
    expect(page.url()).not.toContain('token');
    await page.getByTestId('view-only').waitFor();
    await expect.poll(async () => page.getByTestId('outputs-off').isDisabled(), SOON).toBe(true);
    expect(await page.getByTestId('record').isDisabled()).toBe(true);
    // What is done at the bench is seen here.
    const value = page.locator('.readout .n').first();
    await value.waitFor();
    const before = await value.innerText();
    const [supply] = bench.state.instruments;
    for (const { id, kind } of supply?.controls.filter(({ group }) => group === 'ch1') ?? []) {
      if (kind === 'number' && /volt/i.test(id))
        await engine.client.call('instrument.set', { instrument: supply?.id ?? '', control: id, value: 4.25 });
      if (kind === 'switch' && /output|on$|enabled/i.test(id))
        await engine.client.call('instrument.set', { instrument: supply?.id ?? '', control: id, value: true });
    }
    await expect.poll(() => value.innerText(), SOON).not.toBe(before);
    for (const control of await page.locator('.setpoint input, button.switch[data-control], select.choice').all())
      expect(await control.isDisabled()).toBe(true);
    // The person at the bench is told who looks.
    await expect.poll(() => host.page.getByTestId('presence').innerText(), SOON).toContain('vera');
    if (process.env.SHOTS) {
      await page.screenshot({ path: `${process.env.SHOTS}/viewer.png` });
      await host.page.screenshot({ path: `${process.env.SHOTS}/bench.png` });
    }
    expect(complaints).toEqual([]);
  });

  it('finds what wants more than looking greyed, with the reason', async () => {
    await page.keyboard.press('Alt+7');
    const field = page.getByLabel('Operator');
    await field.waitFor();
    expect(await field.isDisabled()).toBe(true);
    expect(await field.evaluate((box) => box.closest('[title]')?.getAttribute('title'))).toContain('manage this bench');
    expect(await page.getByRole('button', { name: 'Sharing…' }).isEnabled()).toBe(true);
    await page.keyboard.press('Alt+5');
    expect(await page.getByLabel(/^Command to/).isDisabled()).toBe(true);
    await page.keyboard.press('Alt+1');
  });

  it('sets up one-time codes with a code for the telephone, and comes in with one', async () => {
    const own = page.getByRole('dialog', { name: 'Your login' });
    const badge = page.getByTestId('link-badge');
    await badge.click();
    await page.getByText('(viewer)').waitFor();
    await page.getByRole('button', { name: 'Your login…' }).click();
    await own.getByRole('button', { name: 'Set up…' }).click();
    await own.getByRole('img', { name: /^QR code/ }).waitFor();
    const secret = await own.getByTestId('code-secret').innerText();
    const [backup = ''] = (await own.getByTestId('backup-codes').innerText()).split(/\s+/);
    const code = own.getByLabel('Code the app shows');
    await code.fill('000000');
    await code.press('Enter');
    await own
      .getByRole('alert')
      .getByText(/one-time code is wrong/)
      .waitFor();
    await code.fill(codeOf(secret));
    await code.press('Enter');
    await own.getByText(/^On:/).waitFor();
    await page.keyboard.press('Escape');

    await badge.click();
    await page.getByRole('button', { name: 'Log out' }).click();
    await logIn(PASSWORD);
    const box = page.getByLabel(/^One-time code/);
    await box.fill('000000');
    await box.press('Enter');
    await page
      .getByRole('alert')
      .filter({ hasText: /one-time code is wrong/ })
      .waitFor();
    // What was wrong is what has the focus.
    expect(await box.evaluate((element) => document.activeElement === element)).toBe(true);
    await box.fill(backup);
    await box.press('Enter');
    await page.getByText('Live', { exact: true }).waitFor();
  });

  it('goes on with another role when it is given one', async () => {
    await engine.client.call('share.setRole', { user: 'vera', role: 'developer' });
    await expect.poll(() => page.getByTestId('outputs-off').isEnabled(), SOON).toBe(true);
    await expect.poll(() => page.getByTestId('view-only').count(), SOON).toBe(0);
    await page.getByTestId('outputs-off').click();
    await bench.until('who switched off', ({ events }) => JSON.stringify(events).includes('vera'));
  });

  it('is warned before an admin cuts the own page off', async () => {
    // The last admin could not be removed afterwards.
    await engine.client.call('share.addUser', { user: 'adam', role: 'admin', password: PASSWORD });
    await engine.client.call('share.setRole', { user: 'vera', role: 'admin' });
    await page.keyboard.press('Alt+7');
    await expect.poll(() => page.getByLabel('Operator').isEnabled(), SOON).toBe(true);
    await page.getByRole('button', { name: 'Sharing…' }).click();
    const sharing = page.getByRole('dialog', { name: 'Share this bench' });
    await sharing.getByRole('switch', { name: 'Share this bench' }).click();
    await sharing.getByText(/Only somebody at the bench can switch it on again/).waitFor();
    expect(bench.state.settings.share.on).toBe(true);
    await sharing.getByRole('button', { name: 'Cancel' }).click();
    await page.keyboard.press('Escape');
  });

  it('is shown why it ended, and the way to log in', async () => {
    await engine.client.call('share.removeUser', { user: 'vera' });
    const strip = page.getByTestId('link-strip');
    await strip.getByText('Not logged in').waitFor();
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/ended.png` });
    await strip.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'Log in to this bench' }).waitFor();
  });
});
