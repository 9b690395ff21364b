import { expect, test } from 'vitest';
import { openHubLab } from './hub-harness.ts';
import { ask } from './lablink-probe.ts';

test('a hub that was asked on an empty bench has the values of an instrument that comes later', async () => {
  await using hub = await openHubLab({ attach: [] });
  const token = await hub.token('viewer');
  expect(await hub.bench.latest.read([])).toEqual(new Map());
  expect((await ask(hub, 'GET', '/detector/snapshot', { token })).status).toBe(503);
  await hub.screen.client.call('instrument.open', { resource: hub.lab.resource('supply') });
  await hub.screen.until('it is live', ({ instruments }) => instruments[0]?.state === 'live');
  await expect.poll(() => hub.bench.equipment[0]?.instrument.state).toBe('live');
  const values = async () => await hub.bench.latest.read(hub.bench.state.channels.map(({ id }) => id));
  await expect.poll(async () => (await values()).size).toBeGreaterThan(3);
  const snapshot = await ask(hub, 'GET', '/detector/snapshot', { token });
  expect(snapshot).toMatchObject({ status: 200, json: { ch1_power: expect.any(Number) } });
  const id = hub.bench.equipment[0]?.id;
  const { json } = await ask(hub, 'GET', `/api/equipment/${id}/readings`, { token });
  expect(json).toMatchObject({ voltage_actual: expect.any(Number) });
});
