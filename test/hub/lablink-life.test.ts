import { afterEach, beforeEach, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import type { LabLinkConnection } from '../../src/hub/lablink/socket/lablink-connection.ts';
import { readWsSettings } from '../../src/hub/ws-settings.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { ask, LabLinkProbe } from './lablink-probe.ts';

/** What happens to a client: others are urgent, its user goes, the hub goes, it asks too much. */
let scope: Scope;

beforeEach(() => {
  scope = new Scope('lives of lablink clients');
});
afterEach(() => scope[Symbol.asyncDispose]());

async function open(env: Record<string, string> = {}): Promise<{ hub: HubLab; admin: string }> {
  const { settings } = readWsSettings(env);
  const hub = scope.use(await openHubLab({ attach: ['supply'], profiles: ['lablink'], hub: { ws: settings } }));
  return { hub, admin: await hub.token('admin') };
}

test('what is urgent overtakes what waits; of one level the order stays', async () => {
  const { hub, admin } = await open({ LABLINK_WS_MAX_MESSAGES_PER_SECOND: '20', LABLINK_WS_BURST_SIZE: '1' });
  using probe = await LabLinkProbe.open(hub.socketUrl('/ws'), { token: admin });
  await probe.next('capabilities');
  const [client] = hub.hub.parts.connections.all as LabLinkConnection[];
  const levels = ['LOW', 'NORMAL', 'HIGH', 'CRITICAL'] as const;
  // All in one go: no time passes for any of them.
  for (let index = 0; index < 30; index++) client?.test({ type: 'test', data: `filler ${index}` }, 'LOW', 'none');
  for (const level of levels)
    for (const number of [1, 2]) client?.test({ type: 'test', data: `${level} ${number}` }, level, 'none');
  const order = await probe.until('all of them', () => {
    const said = probe.of('test').map(({ data }) => String(data));
    return said.filter((data) => !data.startsWith('filler')).length === 8 ? said : undefined;
  });
  const place = (data: string) => order.indexOf(data);
  for (const level of levels) expect(place(`${level} 1`)).toBeLessThan(place(`${level} 2`));
  expect(place('CRITICAL 1')).toBeLessThan(place('NORMAL 1'));
  expect(place('HIGH 1')).toBeLessThan(place('NORMAL 1'));
  expect(place('NORMAL 1')).toBeLessThan(place('LOW 1'));
});

test('a user who is removed is out at once; one whose role changes goes on with the new one', async () => {
  const { hub } = await open();
  using developer = await LabLinkProbe.open(hub.socketUrl('/ws'), { token: await hub.token('developer') });
  using bot = await LabLinkProbe.open(hub.socketUrl('/ws'), { token: await hub.token('bot') });
  const supply = hub.bench.equipment[0]?.id;
  await bot.ask({ type: 'start_stream', equipment_id: supply }, 'stream_started');
  await hub.access.users.remove('developer');
  expect((await developer.untilClosed()).code).toBe(4401);
  await hub.access.users.setRole('bot', 'developer');
  await bot.ask({ type: 'start_recording', session_id: 'x' }, 'recording_started');
  await bot.ask({ type: 'stop_recording', session_id: 'x' }, 'recording_stopped');
  expect(bot.closed).toBeUndefined();
});

test('a hub that ends says so with 1012, after what was queued', async () => {
  const { hub, admin } = await open();
  using probe = await LabLinkProbe.open(hub.socketUrl('/ws'), { token: admin });
  await probe.ask({ type: 'start_stream', equipment_id: hub.bench.equipment[0]?.id }, 'stream_started');
  await hub.hub.close({ reason: 'Maintenance', retryAfterS: 5 });
  expect(await probe.untilClosed()).toEqual({ code: 1012, reason: 'Maintenance' });
  expect(hub.bench.feeds.size).toBe(0);
});

test('who asks far too much is told, then cut; invented types share one limit', async () => {
  const { hub, admin } = await open();
  using probe = await LabLinkProbe.open(hub.socketUrl('/ws'), { token: admin });
  for (let index = 0; index < 300; index++) probe.say({ type: `invented_${index}` });
  const limited = await probe.next('error', ({ code }) => code === 'hub.rate-limited');
  expect(limited).toMatchObject({ error: 'Rate limit exceeded', retry_after: expect.any(Number) });
  expect((await probe.untilClosed()).code).toBe(4429);
});

test('every route of the REST is in the document of the hub, with what it takes and gives', async () => {
  const { hub } = await open();
  const { json } = await ask(hub, 'GET', '/openapi.json');
  const paths = json.paths as Record<string, Record<string, { responses?: object; requestBody?: object }>>;
  for (const [path, method] of [
    ['/api/equipment/list', 'get'],
    ['/api/equipment/{equipment_id}/command', 'post'],
    ['/api/locks/acquire', 'post'],
    ['/api/alarms/create', 'post'],
    ['/api/safety/emergency-stop/activate', 'post'],
    ['/api/websocket/recording/start', 'post'],
    ['/api/acquisition/session/{acquisition_id}/stats/fft', 'get'],
    ['/api/security/login', 'post'],
  ] as const)
    expect(Object.keys(paths[path]?.[method]?.responses ?? {})).toContain('200');
  expect(Object.keys(paths).filter((path) => path.startsWith('/api/')).length).toBeGreaterThan(90);
});

test('nobody without a login reads alarms or values, unless the bench is shared so', async () => {
  const { hub } = await open();
  const supply = hub.bench.equipment[0]?.id;
  for (const path of [
    `/api/equipment/${supply}/readings`,
    '/api/alarms',
    '/api/alarms/events/active',
    '/api/acquisition/sessions',
  ])
    expect((await ask(hub, 'GET', path)).status).toBe(403);
  for (const path of [
    '/api/equipment/connect',
    '/api/safety/emergency-stop/activate',
    '/api/websocket/recording/start',
  ])
    expect((await ask(hub, 'POST', path, { body: {} })).status).toBe(403);
});
