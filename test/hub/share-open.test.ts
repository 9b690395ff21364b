import { once } from 'node:events';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { shareSettings } from '../../src/contract/share-schema.ts';
import { defaultSettings } from '../../src/engine/state/settings-file.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { createHubLog } from '../../src/hub/hub-log.ts';
import { HubKeeper } from '../../src/hub/share/hub-keeper.ts';
import { freePort } from '../servers/free-port.ts';
import { openHubLab } from './hub-harness.ts';
import { refusedStatus } from './screen-page.ts';

const PAGE = 'https://dash.example';
const VALUES = [
  '/detector/snapshot',
  '/detector/trace/metadata',
  '/detector/trace/data',
  '/detector/trace/binary',
] as const;

test('settings of before have neither', () => {
  const { origins: _, anonymousReadings: __, ...before } = defaultSettings('/x').share;
  expect(shareSettings.parse(before)).toMatchObject({ origins: [], anonymousReadings: false });
  for (const origin of ['https://dash.example/path', 'dash.example', 'null', '*'])
    expect(shareSettings.safeParse({ ...before, origins: [origin] }).success).toBe(false);
});

test('nobody without a login reads values, on any route or socket, unless the settings say so; and pages come from where they say', async () => {
  await using lab = await openHubLab();
  const { id } = lab.bench.equipment[0] ?? { id: '' };
  const routes = [...VALUES, `/api/equipment/${id}/readings`, `/api/v1/streams/${id}%2Freadings/history`];
  const client = (await lab.lab.screen('keeper', { trusted: true })).client;
  const clock = createSystemClock();
  const log = createHubLog(
    clock,
    (text) => text,
    () => {},
  );
  await using keeper = new HubKeeper({
    client,
    bench: lab.bench,
    access: lab.access,
    clock,
    log,
    id: 'kept',
    version: '0',
  });
  const { share } = lab.bench.state.settings;
  const wanted = { ...share, on: true, port: await freePort(), anonymous: true };
  const set = async (more: Partial<typeof share>): Promise<string> => {
    const before = keeper.hub;
    await lab.screen.client.call('settings.set', { share: { ...wanted, ...more } });
    await expect.poll(() => keeper.hub !== undefined && keeper.hub !== before, { timeout: 20_000 }).toBe(true);
    return keeper.hub?.urls[0] ?? '';
  };
  await lab.screen.client.call('settings.set', { share: wanted });
  await keeper.start();
  const closed = keeper.hub?.urls[0] ?? '';
  const statuses = (url: string) => Promise.all(routes.map(async (path) => (await fetch(`${url}${path}`)).status));
  expect(await statuses(closed)).toEqual(routes.map(() => 403));
  expect(await refusedStatus(`${closed.replace('http', 'ws')}/ws/power`, [])).toBe(403);
  expect((await fetch(`${closed}/connection/status`)).status).toBe(200);
  expect((await fetch(`${closed}/health`, { headers: { origin: PAGE } })).status).toBe(403);

  const url = await set({ anonymousReadings: true, origins: [PAGE] });
  await expect.poll(() => statuses(url), { timeout: 20_000 }).toEqual(routes.map(() => 200));
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/power`, { origin: PAGE });
  await once(socket, 'message');
  socket.terminate();
  const answer = await fetch(`${url}/health`, { headers: { origin: PAGE } });
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, PAGE]);
  const asked = await fetch(`${url}/api/equipment/list`, { method: 'OPTIONS', headers: { origin: PAGE } });
  expect([asked.status, asked.headers.get('access-control-allow-headers')]).toEqual([
    204,
    expect.stringContaining('authorization'),
  ]);
  expect((await fetch(`${url}/health`, { headers: { origin: 'https://other.example' } })).status).toBe(403);
});
