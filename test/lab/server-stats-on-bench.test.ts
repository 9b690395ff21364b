import { afterEach, beforeEach, expect, test } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { type LabwireTestServer, openLabwireServer } from '../servers/labwire/labwire-server.ts';
import { PowerMeterServer } from '../servers/power-meter/server.ts';
import { type Lab, openLab } from './lab.ts';
import type { LabScreen } from './lab-screen.ts';

/** What a server counts, and how it did over time, as screens ask for it. */
let lab: Lab;
let screen: LabScreen;
let own: LabwireTestServer;

beforeEach(async () => {
  own = await openLabwireServer({ streams: [{ equipment: 'psu', name: 'readings', intervalMs: 20, form: 'grid' }] });
  lab = await openLab({ startBench: false });
  screen = await lab.screen();
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await own[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

async function attach(): Promise<{ server: string; instrument: string }> {
  const { server } = await screen.client.call('server.add', { url: `127.0.0.1:${own.port}` });
  const resource = await screen.until('its equipment', ({ servers }) => servers[0]?.equipment[0]?.resource);
  return { server, instrument: await screen.attach(resource) };
}

const asked = (): number => own.world.heard.filter(({ type }) => type === 'get_stats').length;

test('304 345 figures of get_stats by their names; however many screens look, the server is asked once a second, and not unasked', async () => {
  const { server } = await attach();
  await screen.until('rows', ({ servers }) => (servers[0]?.streams[0]?.rows ?? 0) > 5);
  expect(asked()).toBe(0);
  const other = await lab.screen('another');
  const startMs = performance.now();
  const both = await Promise.all(
    [screen, other, screen, other].map(({ client }) => client.call('server.stats', { server })),
  );
  expect(new Set(both.map(({ t }) => t)).size).toBe(1);
  expect(both[0]).toMatchObject({
    compression: { current_level: 6 },
    buffer: { high_watermark: 0.8 },
    performance: { dropped_messages: 0, drop_rate: 0 },
    state: { backpressure_active: false, emergency_mode: false, paused: false },
    adaptive: { network_condition: null },
  });
  for (let look = 0; look < 20; look++) await other.client.call('server.stats', { server });
  // So quick that the second may not be over; on a slow machine some are.
  expect(asked()).toBeLessThanOrEqual(1 + Math.floor((performance.now() - startMs) / 900));
  expect(screen.state.servers[0]?.features.stats).toBe(true);
});

test('345 a server without such an answer says so', async () => {
  await using power = await PowerMeterServer.start();
  const { server } = await screen.client.call('server.add', { url: `127.0.0.1:${power.port}` });
  await expect(screen.client.call('server.stats', { server })).rejects.toMatchObject({ code: 'server.unsupported' });
});

test('348 lost rows, latency, saving and rate stand in its trend, also while nobody looks', async () => {
  const { server } = await attach();
  const trend = (after?: number) =>
    screen.client.call('server.trend', { server, span: 'minutes', ...(after === undefined ? {} : { after }) });
  await expect.poll(async () => (await trend()).latencyMs.at(-1)).toBeGreaterThanOrEqual(0);
  const [connection] = own.world.connections;
  const [cursor] = connection?.outbox.cursors.values() ?? [];
  if (cursor) cursor.silent = 3;
  await screen.until('the loss', ({ servers }) => (servers[0]?.streams[0]?.unaccounted ?? 0) > 0);
  const before = await trend();
  const points = await (async () => {
    for (;;) {
      const more = await trend(before.t.at(-1));
      if (more.t.length >= 2) return more;
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  expect(points.t.every((t) => t > (before.t.at(-1) ?? 0))).toBe(true);
  expect(points.stepS).toBe(1);
  const all = await trend();
  for (const column of [all.lost, all.latencyMs, all.saved, all.bytesPerS]) expect(column).toHaveLength(all.t.length);
  expect(all.bytesPerS.some((rate) => (rate ?? 0) > 0)).toBe(true);
  expect(all.lost.every((share) => share === null || (share >= 0 && share < 1))).toBe(true);
  expect((await screen.client.call('server.trend', { server, span: 'day' })).stepS).toBe(60);
});

test('344 the codecs are measured from a screen, one at a time', async () => {
  const first = screen.client.call('server.benchmark', { iterations: 120 });
  await expect(screen.client.call('server.benchmark', {})).rejects.toMatchObject({ code: 'server.busy' });
  const { results } = await first;
  expect(results.map(({ codec, iterations }) => [codec, iterations])).toEqual(
    ['i16d-rice', 'permessage-deflate', 'zlib'].map((codec) => [codec, 120]),
  );
  expect((await screen.client.call('server.benchmark', { iterations: 4 })).results).toHaveLength(3);
});
