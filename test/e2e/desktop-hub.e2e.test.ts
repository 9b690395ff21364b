import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findRunningEngine, type RunningEngine } from '../../src/headless/running-engine.ts';
import { LabScreen } from '../lab/lab-screen.ts';
import { enginePid } from './blank-page.ts';
import type { App } from './launch.ts';
import { launch } from './launch.ts';

/** The desktop shares its bench: the hub is a process that main starts, starts again, and ends at the quit within its bound. */

const folder = mkdtempSync(join(tmpdir(), 'labwire-desktop-hub-'));
let app: App;
let engine: RunningEngine;
let screen: LabScreen;
let url: string;

beforeAll(async () => {
  app = await launch({ dataFolder: folder });
  await reach();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  url = `http://127.0.0.1:${port}`;
  await engine.client.call('settings.set', { share: { ...screen.state.settings.share, on: true, port } });
});

afterAll(async () => {
  screen?.[Symbol.dispose]();
  await app?.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** The engine as the command line reaches it, waited for while it starts. */
async function reach(): Promise<void> {
  for (;;) {
    const found = await findRunningEngine(folder, 'end-to-end suite');
    if (!found) continue;
    engine = found;
    screen = await LabScreen.open(found.client);
    return;
  }
}

function hubPid(): Promise<number | undefined> {
  return app.main(
    ({ app: electronApp }) => electronApp.getAppMetrics().find((metric) => metric.name === 'Labwire hub')?.pid,
  );
}

const shared = (): Promise<string> =>
  screen.until('the hub', ({ share }) => share.state === 'on' && share.urls[0], 60_000);

test('it comes up as a process of main, serves the page, and writes its log where the documents say', async () => {
  expect(await shared()).toBe(url);
  expect(await hubPid()).toBeGreaterThan(0);
  const page = await (await fetch(`${url}/login`)).text();
  expect(page).toContain('Log in');
  const [, script = ''] = /src="\.(\/assets\/[^"]+\.js)"/.exec(page) ?? [];
  expect((await fetch(`${url}${script}`)).headers.get('content-type')).toContain('javascript');
  expect(readFileSync(join(folder, 'hub', 'hub.log'), 'utf8')).toContain('hub.opened');
});

test('killed, it is away with its reason and comes back; so it does when the engine was killed', async () => {
  const first = await hubPid();
  const away = screen.until('that it is away', ({ share }) => share.state === 'starting' && share.reason, 60_000);
  process.kill(first!, 'SIGKILL');
  expect(await away).toMatch(/^The hub (ended|is away)/);
  await shared();
  const second = await hubPid();
  expect(second).not.toBe(first);

  screen[Symbol.dispose]();
  process.kill((await enginePid(app))!, 'SIGKILL');
  await engine.client.closed;
  await reach();
  await shared();
  expect((await fetch(`${url}/live`)).status).toBe(200);
  expect(await hubPid()).not.toBe(second);
});

test('one that hangs does not hold the quit back for ever, and nothing of it is left', async () => {
  const pid = (await hubPid())!;
  process.kill(pid, 'SIGSTOP');
  expect(await app.close()).toBe(0);
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(existsSync(join(folder, 'engine.json'))).toBe(false);
});
