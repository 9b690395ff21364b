import { connect } from 'node:net';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { LabwireProbe } from '../hub/labwire-probe.ts';
import { freePort } from '../servers/free-port.ts';
import { type BrowserHost, openBrowserHost } from './browser-host.ts';

/** Sharing a bench as a person does it: switched on, a user added, a client watched and ended, switched off. The hub is a process of its own. */

const SOON = { timeout: 60_000 };
const PASSWORD = 'turnip-orbit-42';

const TLS = join(import.meta.dirname, '../fixtures/tls');

const scope = new Scope('share e2e');
let host: BrowserHost;
let page: Page;
let port: number;
let secret: string;
let client: LabwireProbe;

beforeAll(async () => {
  port = await freePort();
  host = scope.use(await openBrowserHost({ settings: { startSimulator: false } }));
  page = host.page;
  page.setDefaultTimeout(60_000);
  await page.getByText('Live', { exact: true }).waitFor();
});

afterAll(() => scope[Symbol.asyncDispose]());

const dialog = (): Locator => page.getByRole('dialog', { name: 'Share this bench' });
const state = (): Locator => dialog().getByTestId('share-state');
const mainSwitch = (): Locator => dialog().getByRole('switch', { name: 'Share this bench' });
const tab = (name: RegExp): Locator => dialog().getByRole('tab', { name });
const sign = (): Locator => page.getByTestId('share-sign');

/** Whatever it speaks. */
function isListening(): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}

async function saveTls(cert: string, key: string): Promise<void> {
  await dialog().getByLabel('Certificate, path').fill(cert);
  await dialog().getByLabel('Key, path').fill(key);
  await dialog().getByRole('button', { name: 'Save', exact: true }).click();
}

async function expectState(word: string): Promise<void> {
  await expect.poll(() => state().innerText(), SOON).toBe(word);
}

/** The last word is for those who do not see that it is a count. */
async function expectSign(text: string): Promise<void> {
  await expect.poll(async () => (await sign().innerText()).replace(/\s+/g, ' '), SOON).toBe(text);
}

describe('where', () => {
  it('is opened from the settings, with the focus in it', async () => {
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Sharing…' }).click();
    await dialog().waitFor();
    await expectState('Off');
    expect(await sign().count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.closest('dialog') !== null)).toBe(true);
  });

  it('a port that is none stays to be mended; the right one is kept by the engine', async () => {
    const box = dialog().getByLabel('Port', { exact: true });
    await box.fill('70000');
    await box.press('Enter');
    await dialog().getByText('A port is 1 … 65535.').waitFor();
    await box.fill(String(port));
    await box.press('Enter');
    await dialog().getByText('A port is 1 … 65535.').waitFor({ state: 'detached' });
    await expect.poll(() => box.inputValue(), SOON).toBe(String(port));
  });

  it('two changes at once are both kept, though the settings are sent whole', async () => {
    const anonymous = dialog().getByRole('switch', { name: 'Clients without a login may look' });
    const name = dialog().getByLabel('Name of the shared bench');
    await name.fill('Bench of two changes');
    // Both in one turn of the page: the second is sent before the first is answered.
    await page.evaluate(() => {
      const find = (label: string): HTMLElement | null => document.querySelector(`[aria-label="${label}"]`);
      find('Name of the shared bench')?.blur();
      find('Clients without a login may look')?.click();
    });
    await expect.poll(() => anonymous.getAttribute('aria-checked'), SOON).toBe('true');
    await anonymous.click();
    await expect.poll(() => anonymous.getAttribute('aria-checked'), SOON).toBe('false');
    expect(await name.inputValue()).toBe('Bench of two changes');
    expect(await dialog().getByLabel('Port', { exact: true }).inputValue()).toBe(String(port));
  });

  it('beyond this machine a certificate is wanted, and nobody may look without a login', async () => {
    const address = dialog().getByLabel('Address', { exact: true });
    const anonymous = dialog().getByRole('switch', { name: 'Clients without a login may look' });
    await address.fill('0.0.0.0');
    await address.press('Enter');
    await dialog().getByText('needs TLS').waitFor();
    expect(await anonymous.isDisabled()).toBe(true);
    await dialog()
      .getByText(/so everybody logs in/)
      .waitFor();
    await mainSwitch().click();
    await expectState('Not shared');
    await dialog()
      .getByRole('alert')
      .getByText(/in the clear/)
      .waitFor();
    expect(await sign().innerText()).toContain('not shared');
    await address.fill('127.0.0.1');
    await address.press('Enter');
    await dialog().getByText('needs TLS').waitFor({ state: 'detached' });
    expect(await anonymous.isDisabled()).toBe(false);
  });

  it('once the address is mended the bench is shared by itself, at the address that is shown', async () => {
    await expectState('Shared');
    await dialog().getByText(`http://127.0.0.1:${port}`, { exact: true }).waitFor();
    await dialog()
      .getByRole('img', { name: `QR code of http://127.0.0.1:${port}` })
      .waitFor();
    await expectSign('shared 0 connected');
    const answer = await fetch(`http://127.0.0.1:${port}/health`);
    expect(answer.status).toBe(200);
  });
});

describe('users and tokens', () => {
  const rows = (): Locator => dialog().getByRole('table', { name: 'Users' }).locator('tbody tr');

  it('a password that is too plain is refused beside the form, and nobody is added', async () => {
    await tab(/^Users/).click();
    await dialog()
      .getByText(/Nobody can log in yet/)
      .waitFor();
    await dialog().getByLabel('Name of the user').fill('anna');
    await dialog().getByLabel('Password', { exact: true }).fill('short');
    await dialog().getByRole('button', { name: 'Add', exact: true }).click();
    await dialog().getByRole('alert').getByText('hub.weak-password').waitFor();
    expect(await rows().count()).toBe(0);
  });

  it('a user is added with a role, and the focus is ready for the next', async () => {
    await dialog().getByLabel('Role of the new user').selectOption('developer');
    const password = dialog().getByLabel('Password', { exact: true });
    await password.fill(PASSWORD);
    expect(await password.getAttribute('type')).toBe('password');
    await dialog().getByRole('button', { name: 'Show' }).click();
    expect(await password.getAttribute('type')).toBe('text');
    await password.press('Enter');
    await rows().filter({ hasText: 'anna' }).waitFor();
    expect(await dialog().getByLabel('Role of anna').inputValue()).toBe('developer');
    expect(await rows().first().innerText()).toContain('never');
    expect(await page.evaluate(() => document.activeElement?.ariaLabel)).toBe('Name of the user');
    await tab(/^Users 1$/).waitFor();
  });

  it('her token is told once', async () => {
    await dialog().getByLabel('What the token is for').fill('notebook');
    await dialog().getByRole('button', { name: 'Make a token' }).click();
    secret = await dialog().getByTestId('token-secret').innerText();
    expect(secret).toMatch(/^lw_/);
    await dialog().getByRole('button', { name: 'Done' }).click();
    await dialog().getByTestId('token-secret').waitFor({ state: 'detached' });
    expect(await page.content()).not.toContain(secret);
    await dialog().getByRole('table', { name: 'API tokens' }).getByText('notebook').waitFor();
  });
});

describe('who is connected', () => {
  const row = (): Locator => dialog().getByTestId('share-connection');

  it('a client that comes in with the token stands in the list, and on the sign of the status bar', async () => {
    await tab(/^Connected/).click();
    await dialog()
      .getByText(/Nobody is connected/)
      .waitFor();
    client = new LabwireProbe(`ws://127.0.0.1:${port}/ws`, { token: secret });
    scope.defer(() => client.socket.terminate());
    await client.hello();
    await row().filter({ hasText: 'anna' }).waitFor();
    const text = await row().innerText();
    expect(text).toContain('developer');
    expect(text).toContain('labwire.1');
    expect(text).toContain('127.0.0.1');
    await row().getByText('keeps up').waitFor();
    await tab(/^Connected 1$/).waitFor();
    await expectSign('shared 1 connected');
  });

  it('what the hub counts is drawn', async () => {
    await dialog()
      .getByTestId('trend-lagMs')
      .getByText(/^\d.*(ms|s)$/)
      .waitFor();
    await row().getByRole('meter').waitFor();
    expect(await dialog().getByTestId('trend-queueUse').locator('canvas').count()).toBe(1);
  });

  it('one click asks, the second ends the connection', async () => {
    await row().getByRole('button', { name: 'Kick…' }).click();
    expect(client.closed).toBeUndefined();
    await row().getByRole('button', { name: 'Kick', exact: true }).click();
    await client.until('the end of the connection', () => client.closed);
    expect(client.closed).toEqual({ code: 4410, reason: 'Somebody at the bench took this connection off the bench.' });
    await expect.poll(() => row().count(), SOON).toBe(0);
    await expectSign('shared 0 connected');
    expect(await page.evaluate(() => document.activeElement?.closest('dialog') !== null)).toBe(true);
  });
});

describe('the end', () => {
  it('a user is removed on the second click, and the token with it: it is refused from then on', async () => {
    await tab(/^Users/).click();
    await dialog().getByRole('button', { name: 'Remove…' }).first().click();
    await dialog().getByRole('button', { name: 'Remove anna' }).click();
    await dialog()
      .getByText(/Nobody can log in yet/)
      .waitFor();
    await dialog().getByRole('table', { name: 'API tokens' }).waitFor({ state: 'detached' });
    const refused = new LabwireProbe(`ws://127.0.0.1:${port}/ws`, { token: secret });
    await refused.until('the refusal', () => refused.closed);
    expect(refused.heard).toEqual([]);
  });

  it('on every network over TLS: the addresses of this machine, each with a code, and a certificate that does not fit is named', async () => {
    const [cert, key, other] = ['bench.pem', 'bench.key', 'other.key'].map((name) => join(TLS, name)) as [
      string,
      string,
      string,
    ];
    await tab(/^Where/).click();
    await saveTls(cert, other);
    await dialog()
      .getByRole('alert')
      .getByText(/is not the one of the certificate/)
      .waitFor(SOON);
    await saveTls(cert, key);
    await expectState('Shared');
    const address = dialog().getByLabel('Address', { exact: true });
    await address.fill('0.0.0.0');
    await address.press('Enter');
    // The name of the certificate comes first: no browser warns of it.
    await dialog()
      .getByRole('img', { name: `QR code of https://bench.lab.example:${port}` })
      .waitFor(SOON);
    expect(await dialog().getByRole('list', { name: 'Addresses' }).innerText()).not.toContain('0.0.0.0');
  });

  it('switched off: nothing listens any more, and the sign is gone', async () => {
    await mainSwitch().click();
    await expectState('Off');
    await sign().waitFor({ state: 'detached' });
    await expect.poll(() => isListening(), SOON).toBe(false);
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'hidden' });
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Sharing…');
  });

  it('threw and logged nothing', () => {
    expect(host.complaints).toEqual([]);
  });
});
