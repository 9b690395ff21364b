import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CONTRACT_VERSION } from '../../src/contract/calls.ts';
import type { RunningEngine } from '../../src/headless/running-engine.ts';
import { findRunningEngine } from '../../src/headless/running-engine.ts';
import { enginePid, greetEngine, showBlankPage } from './blank-page.ts';
import type { App } from './launch.ts';
import { launch } from './launch.ts';

const folder = mkdtempSync(join(tmpdir(), 'labwire-engine-'));
let app: App;
beforeAll(async () => {
  app = await launch({ dataFolder: folder });
});
afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a page gets a port and the engine answers on it', async () => {
  await showBlankPage(app);
  const answer = JSON.parse(await greetEngine(app));
  expect(answer).toMatchObject({ type: 'answer', id: 1, output: { contract: CONTRACT_VERSION, host: 'electron' } });
  expect(answer.output.dataFolder).toBe(app.dataFolder);
});

test('an engine that is killed says so, comes back, and answers on a new port', async () => {
  await showBlankPage(app);
  await greetEngine(app);
  const pid = await enginePid(app);
  await app.page.evaluate(() => {
    const gone = new Promise((done) =>
      addEventListener('message', ({ data }) => data.labwire === 'engine-gone' && done(data.retryMs)),
    );
    Object.assign(globalThis, { gone });
  });
  expect(pid).toBeGreaterThan(0);
  process.kill(pid!, 'SIGKILL');
  expect(await app.page.evaluate(() => (globalThis as unknown as { gone: Promise<number> }).gone)).toBe(0);
  const answer = JSON.parse(await greetEngine(app));
  expect(answer).toMatchObject({ type: 'answer', id: 1 });
  expect(await enginePid(app)).not.toBe(pid);
});

/** Reaches the desktop's engine as the command line does. */
async function reach(): Promise<RunningEngine> {
  for (;;) {
    const engine = await findRunningEngine(app.dataFolder, 'end-to-end suite');
    if (engine) return engine;
  }
}

test('the command line reaches the same engine; the simulated bench outlives a crash of it', async () => {
  const before = await reach();
  expect(before.hello).toMatchObject({ host: 'electron', dataFolder: app.dataFolder });
  const bench = await before.client.call('bench.start', {});
  expect(bench.state).toBe('running');
  const names = bench.instruments.map(({ name }) => name);
  expect(names.slice(0, 5)).toEqual(['supply', 'meter', 'scope', 'load', 'daq']);
  expect(names).toContain('usb-supply');
  await before.client.call('bench.setFault', { name: bench.instruments[0]!.name, fault: { kind: null } });
  await expect(before.client.call('bench.setFault', { name: 'no such', fault: { kind: null } })).rejects.toThrow();
  process.kill((await enginePid(app))!, 'SIGKILL');
  await before.client.closed;
  before.client[Symbol.dispose]();

  const after = await reach();
  expect(after.pid).not.toBe(before.pid);
  const again = await after.client.call('bench.start', {});
  expect(again.instruments.map(({ resources }) => resources)).toEqual(
    bench.instruments.map(({ resources }) => resources),
  );
  after.client[Symbol.dispose]();
});

test('the shortcut of the desktop turns outputs off with no page in front', async () => {
  const engine = await reach();
  const pressed = new Promise<string>((done) => {
    engine.client.on('event.happened', ({ event }) => {
      if (event.kind === 'outputs-off') done(event.text);
    });
  });
  await app.main(({ globalShortcut }) => {
    (globalShortcut as unknown as { press(keys: string): void }).press('CommandOrControl+Shift+Backspace');
  });
  expect(await pressed).toMatch(/^Outputs off/);
  engine.client[Symbol.dispose]();
});

test('a screen that records keeps the system awake; the quit waits until the recording is finished', async () => {
  const engine = await reach();
  const { instruments } = await engine.client.call('bench.start', {});
  const meter = instruments.find(({ role }) => role === 'meter');
  await engine.client.call('instrument.open', { resource: meter!.resources[0]! });
  await engine.client.call('recording.start', { name: 'quit' });
  const started = await app.main(
    (electron) => (electron as unknown as { deeds?: { what: string }[] }).deeds?.map(({ what }) => what) ?? null,
  );
  if (started) expect(started).toContain('powerSaveBlocker.start');
  engine.client[Symbol.dispose]();

  expect(await app.close()).toBe(0);
  const files = readdirSync(folder, { recursive: true }).map(String);
  // Finished, not cut off: nothing of it is called `.part`.
  expect(files.filter((name) => /^recordings.*\.mcap(\.part)?$/.test(name))).toEqual([join('recordings', 'quit.mcap')]);
  expect(files.filter((name) => name.endsWith('.part'))).toEqual([]);
  // Its lock and its address are gone with it.
  expect(files.filter((name) => /engine\.(lock|json)$/.test(name))).toEqual([]);
});
