import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { ask } from './lablink-probe.ts';
import { ReplayClock } from './replay-clock.ts';
import { ReplayTalk } from './replay-talk.ts';

const scope = new Scope('modules of a power meter');
/** It stands still: what comes does not come by a timer of the hub. */
const clock = new ReplayClock();
let hub: HubLab;

beforeAll(async () => {
  hub = scope.use(
    await openHubLab({ attach: ['supply', 'meter'], hub: { clock, roles: { anonymousReadings: true } } }),
  );
});

afterAll(() => scope[Symbol.asyncDispose]());

async function unitOf(module: number): Promise<unknown> {
  const { json } = await ask(hub, 'GET', `/detector/config?module=${module}&channel=1`);
  return json.power_unit;
}

test('the first value comes as soon as it is measured, however long the interval', async () => {
  const talk = scope.use(new ReplayTalk(hub.socketUrl('/ws/power?interval=10')));
  await talk.until('a value comes', () => talk.heard.length > 0);
  expect(talk.heard).toMatchObject([{ type: 'data', module: 4, ch1_power: expect.any(Number) }]);
});

test('123 what is disconnected over REST leaves its module empty; the other keeps its own; connecting without an address brings it back', async () => {
  const token = await hub.token('admin');
  const post = async (path: string): Promise<Record<string, unknown>> => (await ask(hub, 'POST', path, { token })).json;
  const before = await ask(hub, 'GET', '/connection/status');
  const [supply, meter] = [await unitOf(4), await unitOf(5)];
  expect(supply).not.toBe(meter);
  expect(await post('/connection/disconnect')).toMatchObject({ success: true });
  await expect.poll(() => hub.bench.equipment.length).toBe(1);
  expect([await unitOf(4), await unitOf(5)]).toEqual([undefined, meter]);
  // Said twice it does not take the next one.
  expect(await post('/connection/disconnect')).toMatchObject({ success: true });
  const { address } = before.json;
  expect((await ask(hub, 'GET', '/connection/status')).json).toEqual({
    connected: false,
    instrument_id: null,
    address,
  });
  expect(hub.bench.equipment.length).toBe(1);
  expect(await post('/connection/connect')).toMatchObject({ connected: true, address });
  await expect.poll(() => unitOf(4)).toBe(supply);
  expect(await unitOf(5)).toBe(meter);
});
