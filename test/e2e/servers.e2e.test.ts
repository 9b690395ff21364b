import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { ADMIN } from '../servers/lablink/mode.ts';
import { type LabLinkServer, startLabLinkServer } from '../servers/lablink/server.ts';
import { type LabwireTestServer, openLabwireServer } from '../servers/labwire/labwire-server.ts';
import { PowerMeterServer } from '../servers/power-meter/server.ts';
import { type BrowserHost, openBrowserHost } from './browser-host.ts';

/** Lab servers as a person uses them: added by address, logged in, watched through every state, locked, stopped, removed. */

const SOON = { timeout: 60_000 };
const CODE = '246810';

const scope = new Scope('servers e2e');
let host: BrowserHost;
let page: Page;
let power: PowerMeterServer;
let powerPort: number;
let lablink: LabLinkServer;
let asis: LabLinkServer;
let own: LabwireTestServer;

beforeAll(async () => {
  power = await PowerMeterServer.start({ healthMs: 1000 });
  powerPort = power.port;
  scope.defer(() => power[Symbol.asyncDispose]());
  lablink = scope.use(await startLabLinkServer({ mode: 'fixed', mocks: true, security: true, mfa: CODE, delays: 0 }));
  asis = scope.use(await startLabLinkServer({ mode: 'asis', mocks: true, delays: 0 }));
  own = scope.use(
    await openLabwireServer({ streams: [{ equipment: 'psu', name: 'readings', intervalMs: 100, form: 'f64' }] }),
  );
  host = scope.use(await openBrowserHost({ settings: { startSimulator: false } }));
  page = host.page;
  page.setDefaultTimeout(60_000);
  await page.getByText('Live', { exact: true }).waitFor();
});

afterAll(() => scope[Symbol.asyncDispose]());

const dialog = (): Locator => page.getByRole('dialog', { name: 'Lab servers' });
const badge = (): Locator => page.getByTestId('server-badge');
const card = (role: string): Locator => page.getByTestId(`card-${role}`).first();

/** Word of the chosen server: in letters, and its tone beside it. */
async function expectWord(text: string | RegExp, tone: string): Promise<void> {
  // `Connected` is said in two tones: live, and polled.
  await dialog().locator(`[data-testid="server-state"][data-tone="${tone}"]`).getByText(text).waitFor();
}

async function expectBadge(text: RegExp, tone: string): Promise<void> {
  const shown = async (): Promise<string> => `${await badge().getAttribute('data-tone')}: ${await badge().innerText()}`;
  await expect.poll(shown, SOON).toMatch(new RegExp(`^${tone}: ${text.source.replace(/^\^/, '')}`));
}

async function add(url: string): Promise<void> {
  await dialog().getByLabel('Address of a lab server').fill(url);
  await dialog().getByLabel('Address of a lab server').press('Enter');
}

async function choose(server: string | RegExp): Promise<void> {
  await dialog().getByRole('tab', { name: server }).click();
}

/** Digits of a channel on its card, NaN while there are none. */
async function shownNumber(of: Locator): Promise<number> {
  const text = await of.locator('.readout .n').first().innerText();
  return Number(text.replace(/[\s\u2007]/g, '').replace('−', '-') || Number.NaN);
}

async function openDialog(): Promise<void> {
  await badge().click();
  await dialog().waitFor();
}

async function closeDialog(): Promise<void> {
  await page.keyboard.press('Escape');
  await dialog().waitFor({ state: 'hidden' });
}

describe('124 words and badges', () => {
  let mute: Server;
  const held = new Set<Socket>();

  afterAll(() => mute?.close());

  it('124 Checking while an address is asked; what answers nothing is one line and not on the bench', async () => {
    mute = createServer((socket) => {
      held.add(socket);
      socket.on('error', () => undefined);
    });
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    await page
      .getByRole('button', { name: /^Attach/ })
      .first()
      .click();
    await page.getByRole('button', { name: 'Lab server…' }).click();
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.ariaLabel), SOON)
      .toBe('Address of a lab server');
    await add(`127.0.0.1:${(mute.address() as AddressInfo).port}`);
    await expectWord('Checking', 'idle');
    await expectBadge(/^Connecting$/, 'idle');
    mute.close();
    for (const socket of held) socket.resetAndDestroy();
    await dialog()
      .getByRole('alert')
      .getByText(/It was not added/)
      .waitFor();
    expect(await dialog().getByRole('alert').count()).toBe(1);
    await badge().waitFor({ state: 'detached' });
  });

  it('126 an address typed wrong is one line, and stays to be mended', async () => {
    await add('ftp://lab');
    await dialog()
      .getByRole('alert')
      .getByText(/is no address of a lab server/)
      .waitFor();
    expect(await dialog().getByLabel('Address of a lab server').inputValue()).toBe('ftp://lab');
    expect(await dialog().getByRole('alert').count()).toBe(1);
  });

  it('124 127 Connected, then Live Data with values once an instrument is attached', async () => {
    await add(`127.0.0.1:${powerPort}`);
    await expectWord('Connected', 'ok');
    expect(await dialog().getByLabel('User', { exact: true }).count()).toBe(0);
    await dialog().getByRole('button', { name: 'Attach Power meter, module 4' }).click();
    await expectWord('Live Data', 'ok');
    await expectBadge(/^Live$/, 'ok');
    await expect.poll(() => shownNumber(card('meter')), SOON).toBeLessThan(-10);
  });

  it('103 its heartbeats are counted, and how long ago the last one came', async () => {
    const beats = dialog().getByTestId('heartbeats');
    await expect.poll(() => beats.innerText(), SOON).toMatch(/^[1-9]\d* · last (just now|\d+ s ago)$/);
    const before = Number.parseInt(await beats.innerText(), 10);
    await expect.poll(async () => Number.parseInt(await beats.innerText(), 10), SOON).toBeGreaterThan(before);
  });

  it('116 the streams a server counts are those of now', async () => {
    const row = dialog().getByTestId('server-equipment').filter({ hasText: 'module 4' });
    await row.getByText('streams 1 on the server').waitFor();
    expect(await card('meter').innerText()).not.toContain('on the server');
  });

  it('124 without WebSocket it is polled, and says how often', async () => {
    await dialog().getByRole('switch', { name: 'Live data over WebSocket' }).click();
    await expectWord('Connected', 'info');
    await dialog().getByText('Polling 1 s').waitFor();
    await expectBadge(/^Polling 1 s$/, 'info');
    expect(power.power).toEqual([]);
    await dialog().getByRole('switch', { name: 'Live data over WebSocket' }).click();
    await expectWord('Live Data', 'ok');
  });

  it('124 Disconnected by hand; connected again by hand', async () => {
    await dialog().getByRole('button', { name: 'Disconnect' }).click();
    await expectWord('Disconnected', 'idle');
    await expectBadge(/^Local only$/, 'idle');
    await dialog().getByRole('button', { name: 'Connect', exact: true }).click();
    await expectWord('Live Data', 'ok');
  });
});

describe('a loss', () => {
  it('129 a cut is a gap, and it comes back by itself', async () => {
    const before = power.sockets.length;
    power.cut();
    await expect.poll(() => power.sockets.length, SOON).toBeGreaterThan(before);
    await expectWord('Live Data', 'ok');
    expect(await page.getByRole('dialog').count()).toBe(1);
  });

  it('124 125 128 killed: Reconnecting (n/10), values stay greyed with their age; restarted: live by itself', async () => {
    await closeDialog();
    await power[Symbol.asyncDispose]();
    await expectBadge(/^Reconnecting \d+\/10( in \d+ s)?$/, 'warn');
    await expect.poll(() => card('meter').getAttribute('data-state'), SOON).toBe('silent');
    await expect.poll(() => card('meter').getByTestId('value-age').innerText(), SOON).toMatch(/^\d+ s old$/);
    const kept = await shownNumber(card('meter'));
    expect(kept).toBeLessThan(-10);
    const colour = (of: Locator): Promise<string> => of.evaluate((node) => getComputedStyle(node).color);
    const greyed = await colour(card('meter').locator('.readout .n').first());
    await openDialog();
    await expectWord(/^Reconnecting \(\d+\/10\)$/, 'warn');
    await dialog().getByText('1 wanted, none comes').waitFor();
    power = await PowerMeterServer.start({ healthMs: 1000 }, powerPort);
    await expectWord('Live Data', 'ok');
    await expect.poll(() => card('meter').getAttribute('data-state'), SOON).toBe('live');
    expect(await card('meter').getByTestId('value-age').count()).toBe(0);
    expect(await colour(card('meter').locator('.readout .n').first())).not.toBe(greyed);
  });

  it('126 ten errors of the hardware: no dialog, one line', async () => {
    power.state.broken.add(1);
    await dialog()
      .getByText(/Hardware temporarily unavailable/)
      .first()
      .waitFor();
    await expect.poll(() => card('meter').innerText(), SOON).toMatch(/hardware Hardware temporarily unavailable/);
    const lines = dialog().locator('.server-log li').filter({ hasText: 'Hardware temporarily unavailable' });
    expect(await lines.count()).toBe(1);
    expect(await page.getByRole('dialog').count()).toBe(1);
    power.state.broken.clear();
    await dialog()
      .getByText(/The hardware is back/)
      .waitFor();
    await expect.poll(() => card('meter').innerText(), SOON).not.toMatch(/temporarily unavailable/);
    await expectWord('Live Data', 'ok');
  });
});

describe('a server that wants a login', () => {
  it('124 Service Unavailable until somebody logs in', async () => {
    await add(lablink.url);
    await choose(/LabLink/);
    await expectWord('Service Unavailable', 'bad');
    await dialog()
      .getByText(/Log in to get live data/)
      .waitFor();
    await expectBadge(/^Failed: .*\n?1 of 2$/, 'bad');
  });

  it('a wrong password is one line, and what was typed stays', async () => {
    await dialog().getByLabel('User', { exact: true }).fill(ADMIN.user);
    await dialog().getByLabel('Password').fill('hunter2-wrong');
    await dialog().getByLabel('Password').press('Enter');
    await dialog()
      .getByText(/Invalid username or password/)
      .first()
      .waitFor();
    expect(await dialog().getByLabel('User', { exact: true }).inputValue()).toBe(ADMIN.user);
  });

  it('the right one asks for the code, with the focus in its box; with it we are in', async () => {
    await dialog().getByLabel('Password').fill(ADMIN.password);
    await dialog().getByLabel('Password').press('Enter');
    const code = dialog().getByLabel('One-time code');
    await expect.poll(() => code.evaluate((box) => box === document.activeElement), SOON).toBe(true);
    await page.keyboard.type(CODE);
    await page.keyboard.press('Enter');
    await dialog().getByText(`Logged in as ${ADMIN.user}.`).waitFor();
    await expectWord('Connected', 'ok');
  });

  it('127 its supply is a supply: attached, live', async () => {
    await dialog().getByRole('button', { name: 'Attach MockPSU-3030' }).click();
    await expectWord('Live Data', 'ok');
    await expect.poll(() => card('supply').getAttribute('data-state'), SOON).toBe('live');
    await expect.poll(() => shownNumber(card('supply')), SOON).toBeCloseTo(0, 0);
  });
});

describe('locks, stop and the end', () => {
  it('whose lock it is, is shown; taking it needs two clicks', async () => {
    const { locks } = lablink.world;
    const equipment = [...lablink.world.restDevices.devices.keys()].find((id) => id.startsWith('ps_')) ?? '';
    locks.exclusive.clear();
    expect(locks.acquire({ equipment_id: equipment, session_id: 'ana' }).status).toBe(200);
    const row = dialog().getByTestId('server-equipment').filter({ hasText: 'MockPSU-3030' });
    await row.getByText('locked by ana').waitFor();
    const take = row.getByRole('button', { name: 'Take lock…' });
    await take.click();
    expect(locks.exclusive.get(equipment)?.lock.session_id).toBe('ana');
    await row.getByRole('button', { name: 'Take it from ana' }).click();
    await row.getByRole('button', { name: 'Release lock' }).waitFor();
    expect(locks.exclusive.get(equipment)?.lock.session_id).not.toBe('ana');
    await row.getByRole('button', { name: 'Release lock' }).click();
    await row.getByRole('button', { name: 'Release lock' }).waitFor({ state: 'detached' });
    expect(locks.exclusive.has(equipment)).toBe(false);
  });

  it('emergency stop switches every output off and says so; one that stays on is named', async () => {
    await add(own.url);
    await choose(/127\.0\.0\.1/);
    await expectWord('Connected', 'ok');
    await dialog().getByRole('button', { name: 'Attach Supply psu' }).click();
    await expectWord('Live Data', 'ok');
    await dialog().getByRole('button', { name: 'Emergency stop' }).click();
    await dialog().getByText('2 outputs off, confirmed.').waitFor();
    own.world.bench.stuck.add('psu/ch2.output');
    own.world.bench.controls.get('psu')?.set('ch2.output', true);
    await dialog().getByRole('button', { name: 'Emergency stop' }).click();
    await dialog()
      .getByRole('alert')
      .getByText(/^NOT confirmed: .*ch2.*Switch off by hand\.$/)
      .waitFor();
  });

  it('348 losses, latency and compression over time, with the value of now and under the pointer', async () => {
    await dialog().getByText('Performance').click();
    const latency = dialog().getByTestId('trend-latencyMs');
    await expect.poll(() => latency.innerText(), SOON).toMatch(/\d m?s/);
    for (const id of ['lost', 'latencyMs', 'saved', 'bytesPerS']) {
      const chart = dialog().getByTestId(`trend-${id}`);
      await chart.locator('canvas').waitFor();
      const isPainted = (): Promise<boolean> =>
        chart.locator('canvas').evaluate((node) => {
          const { width, height } = node as HTMLCanvasElement;
          const pixels = (node as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height).data ?? [];
          return pixels.some((value) => value > 0);
        });
      await expect.poll(isPainted, SOON).toBe(true);
    }
    const plot = latency.locator('.u-over');
    await plot.scrollIntoViewIfNeeded();
    const { width, height } = (await plot.boundingBox()) ?? { width: 0, height: 0 };
    await plot.hover({ position: { x: width - 2, y: height / 2 } });
    await dialog()
      .getByText(/^at \d\d:\d\d:\d\d$/)
      .waitFor();
    await dialog().getByRole('button', { name: '24 h' }).click();
    await dialog().getByRole('button', { name: '24 h', pressed: true }).waitFor();
  });

  it('304 345 what it counts itself, by the names of get_stats, asked only while it is looked at', async () => {
    const figures = dialog().getByTestId('server-figures');
    const names = await figures.locator('[title]').evaluateAll((rows) => rows.map((row) => row.getAttribute('title')));
    expect(names).toEqual(
      expect.arrayContaining([
        ...[
          'current_level',
          'messages_processed',
          'average_compression_ratio',
          'average_latency_ms',
          'space_saved_mb',
        ].map((name) => `compression.${name}`),
        ...['size', 'utilization', 'high_watermark'].map((name) => `buffer.${name}`),
        ...['sent_messages', 'dropped_messages', 'drop_rate', 'messages_per_second'].map(
          (name) => `performance.${name}`,
        ),
        ...['backpressure_active', 'emergency_mode', 'paused'].map((name) => `state.${name}`),
      ]),
    );
    const sent = async (): Promise<number> =>
      Number((await figures.locator('[title="performance.sent_messages"] dd').innerText()).replace(/\D/g, ''));
    const before = await sent();
    await expect.poll(sent, SOON).toBeGreaterThan(before);
    const asked = (): number => own.world.heard.filter(({ type }) => type === 'get_stats').length;
    await dialog().getByText('Performance').click();
    await figures.waitFor({ state: 'detached' });
    const atEnd = asked();
    // Its badge and its rows go on: so much later one more question would have been asked.
    const rows = own.world.heard.filter(({ type }) => type === 'ack').length;
    await expect
      .poll(() => own.world.heard.filter(({ type }) => type === 'ack').length, SOON)
      .toBeGreaterThan(rows + 14);
    expect(asked()).toBeLessThanOrEqual(atEnd + 1);
  });

  it('344 the codecs are measured on a click, and no longer than it is looked at', async () => {
    const measure = dialog().getByRole('button', { name: 'Measure', exact: true });
    const performance = dialog().getByText('Performance');
    const asked = (): number => own.world.heard.filter(({ type }) => type === 'get_stats').length;
    for (let click = 0; click < 2; click++) {
      await performance.click();
      await measure.click();
      await dialog().getByRole('button', { name: 'Measuring…', disabled: true }).waitFor();
      const before = asked();
      await expect.poll(asked, SOON).toBeGreaterThan(before);
      // Had the first one gone on, the second would have been refused by now.
      expect(
        await dialog()
          .getByText(/measured already/)
          .count(),
      ).toBe(0);
      await performance.click();
      await measure.or(dialog().getByText('Measuring…')).waitFor({ state: 'detached' });
    }
  });

  it('a server as shipped is added beside them; the arrow keys go from tab to tab', async () => {
    await add(asis.url);
    // It is shown as soon as it is known what it speaks.
    await dialog().getByRole('tab', { name: /asis/, selected: true }).waitFor();
    expect(await dialog().getByRole('tab').count()).toBe(4);
    await dialog().getByRole('tab', { selected: true }).focus();
    await page.keyboard.press('Home');
    await expect.poll(() => dialog().getByRole('tab', { selected: true }).innerText(), SOON).toContain('Power meter');
    await dialog()
      .getByText(/^\d+ broken/)
      .waitFor();
  });

  it('removing one with instruments takes two clicks, detaches them, and keeps the focus in the dialog', async () => {
    await dialog().getByRole('button', { name: 'Remove…' }).click();
    expect(await page.getByTestId('card-meter').count()).toBe(1);
    await dialog().getByRole('button', { name: 'Remove, and detach 1 instrument' }).click();
    await expect.poll(() => dialog().getByRole('tab').count(), SOON).toBe(3);
    await page.getByTestId('card-meter').waitFor({ state: 'detached' });
    // The answer comes behind the event that takes it off the screen.
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.ariaLabel), SOON)
      .toBe('Address of a lab server');
    await expect.poll(() => power.power, SOON).toEqual([]);
  });

  it('threw and logged nothing', () => {
    expect(host.complaints).toEqual([]);
  });
});
