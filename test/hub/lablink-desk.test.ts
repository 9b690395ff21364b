import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { type Answer, ask, LabLinkProbe } from './lablink-probe.ts';

const scope = new Scope('lablink locks, safety, alarms, recordings');
let hub: HubLab;
let admin: string;
let developer: string;
let bot: string;
let supply: string;
let instrument: string;

beforeAll(async () => {
  hub = scope.use(await openHubLab({ attach: ['supply', 'load'], profiles: ['lablink'] }));
  await hub.access.users.add('other', 'developer', 'another one of the bench');
  admin = await hub.token('admin');
  developer = await hub.token('developer');
  const login = await hub.access.login(
    { username: 'other', password: 'another one of the bench' },
    { address: '127.0.0.1' },
  );
  bot = login.access;
  const found = hub.bench.equipment.find(({ type }) => type === 'power_supply');
  supply = found?.id ?? '';
  instrument = found?.instrument.id ?? '';
});

afterAll(() => scope[Symbol.asyncDispose]());

const get = (path: string, token = developer): Promise<Answer> => ask(hub, 'GET', path, { token });
const post = (path: string, body?: unknown, token = developer): Promise<Answer> =>
  ask(hub, 'POST', path, { token, body });
const set = (control: string, value: number | boolean) =>
  hub.screen.client.call('instrument.set', { instrument, control, value });

function command(action: string, parameters: unknown, session: string, token = developer): Promise<Answer> {
  const body = { command_id: `${Math.random()}`, action, parameters, session_id: session };
  return post(`/api/equipment/${supply}/command`, body, token);
}

describe('locks', () => {
  test("are the engine's: the bench sees and obeys them, and theirs are seen here", async () => {
    const created = await post('/api/locks/sessions/create', { client_name: 'probe', timeout_seconds: 600 });
    const session = created.json.session_id as string;
    expect(created.json).toMatchObject({ client_name: 'probe', client_ip: '127.0.0.1' });
    const acquired = await post('/api/locks/acquire', {
      equipment_id: supply,
      session_id: session,
      timeout_seconds: 300,
    });
    expect(acquired.json).toMatchObject({
      success: true,
      status: 'locked',
      lock: { session_id: session, timeout_seconds: 300 },
    });
    expect((await post('/api/locks/acquire', { equipment_id: supply, session_id: session })).json).toMatchObject({
      status: 'refreshed',
    });
    await hub.screen.until('the lock at the bench', ({ instruments }) =>
      instruments.find(({ id }) => id === instrument)?.lock?.holder.includes('probe'),
    );
    await expect(set('ch1.voltage.set', 2)).rejects.toMatchObject({ code: 'instrument.locked' });
    expect((await command('set_voltage', { voltage: 2 }, session)).json).toMatchObject({ success: true });
    expect((await get(`/api/locks/status/${supply}`)).json).toMatchObject({
      locked: true,
      session_id: session,
      lock_mode: 'exclusive',
    });
    expect((await get('/api/locks/all')).json).toMatchObject({
      exclusive_locks: { [supply]: { session_id: session } },
    });
    expect((await get(`/api/locks/sessions/${session}/locks`)).json).toMatchObject({
      locked_equipment: [supply],
      count: 1,
    });
    expect((await post(`/api/locks/activity/${supply}`, { session_id: session })).json).toMatchObject({
      success: true,
    });
    expect((await post(`/api/locks/sessions/${session}/activity`)).json).toMatchObject({ success: true });
    expect((await ask(hub, 'DELETE', `/api/locks/sessions/${session}`, { token: developer })).json).toMatchObject({
      locks_released: 1,
    });
    await set('ch1.voltage.set', 1);
    const { lock } = await hub.screen.client.call('lock.take', { instrument, holder: 'at the bench' });
    expect((await get(`/api/locks/status/${supply}`)).json).toMatchObject({ locked: true, session_id: 'at the bench' });
    const busy = await post('/api/locks/acquire', { equipment_id: supply, session_id: 'late' });
    expect(busy.status).toBe(409);
    expect(busy.json.detail).toMatch(/locked by session at the bench/);
    await hub.screen.client.call('lock.release', { lock });
    expect((await get(`/api/locks/status/${supply}`)).json).toMatchObject({ locked: false, session_id: null });
  });

  test('queue, observe, and are taken by force by an admin alone', async () => {
    const acquire = (session_id: string, more: object, token = developer) =>
      post('/api/locks/acquire', { equipment_id: supply, session_id, ...more }, token);
    expect((await acquire('first', {})).json).toMatchObject({ status: 'locked' });
    expect((await acquire('watcher', { lock_mode: 'observer' }, bot)).status).toBe(409);
    const queued = await acquire('second', { queue_if_busy: true }, bot);
    expect(queued.json).toMatchObject({
      success: false,
      status: 'queued',
      current_lock: { session_id: 'first' },
      queue_entry: { session_id: 'second', position: 0 },
    });
    expect((await get(`/api/locks/queue/${supply}`)).json).toMatchObject({ queue: [{ session_id: 'second' }] });
    expect((await post('/api/locks/release', { equipment_id: supply, session_id: 'third' }, bot)).status).toBe(403);
    expect(
      (await post('/api/locks/release', { equipment_id: supply, session_id: 'third', force: true }, bot)).status,
    ).toBe(403);
    expect((await command('set_voltage', { voltage: 1 }, 'first', bot)).status).toBe(403);
    const forced = await post('/api/locks/release', { equipment_id: supply, session_id: 'boss', force: true }, admin);
    expect(forced.json).toMatchObject({ status: 'released', was_forced: true });
    expect((await get(`/api/locks/status/${supply}`)).json).toMatchObject({ session_id: 'second' });
    expect((await command('set_voltage', { voltage: 1 }, 'first')).status).toBe(403);
    expect((await command('set_voltage', { voltage: 1 }, 'second', bot)).json).toMatchObject({ success: true });
    expect((await post('/api/locks/release', { equipment_id: supply, session_id: 'second' }, bot)).json).toMatchObject({
      status: 'released',
      was_forced: false,
    });
    expect((await post('/api/locks/release', { equipment_id: supply, session_id: 'second' }, bot)).json).toMatchObject({
      status: 'not_locked',
    });
    expect((await post(`/api/locks/activity/${supply}`, { session_id: 'second' }, bot)).status).toBe(404);
    const events = (await get(`/api/locks/events/${supply}`)).json.events as { event: string }[];
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['lock_acquired', 'lock_queued', 'lock_released', 'lock_forced']),
    );
    expect((await acquire('eyes', { lock_mode: 'observer' }, bot)).json).toMatchObject({ status: 'observer' });
    expect((await get(`/api/locks/status/${supply}`)).json).toMatchObject({
      locked: false,
      lock_mode: 'observer',
      observer_count: 1,
    });
    expect((await post('/api/locks/release', { equipment_id: supply, session_id: 'eyes' }, bot)).json).toMatchObject({
      status: 'observer_released',
    });
  });
});

test('the emergency stop switches off every channel, confirmed, and lets nothing on until it is over', async () => {
  expect((await get('/api/safety/emergency-stop/status')).json).toMatchObject({ active: false, stop_time: null });
  for (const channel of [1, 2]) {
    await set(`ch${channel}.voltage.set`, 3);
    await set(`ch${channel}.output`, true);
  }
  const stopped = await post('/api/safety/emergency-stop/activate');
  expect(stopped.json).toMatchObject({ success: true, active: true, equipment_count: 2 });
  const results = stopped.json.results as { equipment_id: string; channel: string; confirmed: boolean }[];
  expect(
    results.filter(({ equipment_id }) => equipment_id === supply).map(({ channel, confirmed }) => [channel, confirmed]),
  ).toEqual([
    ['ch1', true],
    ['ch2', true],
    ['ch3', true],
  ]);
  for (const channel of [1, 2])
    expect((await get(`/api/equipment/${supply}/readings?channel=${channel}`)).json).toMatchObject({
      output_enabled: false,
    });
  expect((await get('/api/safety/status')).json).toMatchObject({ emergency_stop_active: true, total_equipment: 2 });
  await post('/api/locks/acquire', { equipment_id: supply, session_id: 'stop' });
  const refused = await command('set_output', { enabled: true, channel: 1 }, 'stop');
  expect(refused.json).toMatchObject({ success: false, error: expect.stringMatching(/emergency stop/i) });
  expect((await command('set_output', { enabled: false, channel: 1 }, 'stop')).json).toMatchObject({ success: true });
  expect((await post('/api/safety/emergency-stop/deactivate')).json).toMatchObject({
    active: false,
    message: expect.stringContaining('remain disabled'),
  });
  expect((await post('/api/safety/emergency-stop/deactivate')).json).toMatchObject({
    message: 'Emergency stop was not active',
  });
  expect((await command('set_output', { enabled: true, channel: 1 }, 'stop')).json).toMatchObject({ success: true });
  await command('set_output', { enabled: false, channel: 1 }, 'stop');
  await post('/api/locks/release', { equipment_id: supply, session_id: 'stop' });
});

test('an alarm set here is raised by what is measured, told on sockets once, acknowledged and cleared', async () => {
  using probe = await LabLinkProbe.open(hub.socketUrl('/ws'), { token: developer });
  const created = await post('/api/alarms/create', {
    name: 'overv',
    equipment_id: supply,
    parameter: 'voltage',
    condition: 'greater_than',
    severity: 'critical',
    threshold: 4,
    notifications: ['websocket'],
    tags: ['probe'],
  });
  const alarm = created.json.alarm_id as string;
  expect(created.json).toMatchObject({ success: true, message: 'Alarm created successfully' });
  await hub.screen.until('the rule at the bench', ({ rules }) => rules.some(({ id }) => id === alarm));
  expect((await get(`/api/alarms/${alarm}`)).json).toMatchObject({
    alarm: {
      equipment_id: supply,
      parameter: 'voltage',
      condition: 'greater_than',
      threshold: 4,
      tags: ['probe'],
      created_by: 'developer',
    },
  });
  expect((await post('/api/alarms/check', { alarm_id: alarm, value: 9 })).json).toMatchObject({
    triggered: true,
    event: null,
  });
  expect((await get('/api/alarms/events/active')).json).toMatchObject({ count: 0 });
  await set('ch1.voltage.set', 5);
  await set('ch1.output', true);
  const raised = await probe.next('alarm_event');
  const event = (raised.data as { event_id: string }).event_id;
  expect(raised.data).toMatchObject({ alarm_id: alarm, severity: 'critical', state: 'active', equipment_id: supply });
  expect(probe.of('alarm')).toMatchObject([{ event_id: event, alarm_name: 'overv' }]);
  expect((await get('/api/alarms/events/active')).json).toMatchObject({
    count: 1,
    events: [{ event_id: event, threshold: 4 }],
  });
  expect((await post(`/api/alarms/${alarm}/clear`)).status).toBe(409);
  await post('/api/alarms/events/acknowledge', { event_id: event, acknowledged_by: 'probe', note: 'seen' });
  expect((await probe.next('alarm_updated')).data).toMatchObject({
    event_id: event,
    state: 'acknowledged',
    acknowledged_by: 'probe (developer)',
  });
  await hub.screen.until(
    'acknowledged at the bench',
    ({ alarms }) => alarms.find(({ rule }) => rule === alarm)?.acknowledged,
  );
  await set('ch1.output', false);
  expect((await probe.next('alarm_cleared')).data).toMatchObject({ event_id: event });
  expect((await get(`/api/alarms/events/${event}`)).json).toMatchObject({
    event: { state: 'cleared', acknowledgment_note: 'seen' },
  });
  expect((await get('/api/alarms/events?state=cleared')).json).toMatchObject({ count: 1 });
  expect((await get('/api/alarms/statistics')).json).toMatchObject({
    statistics: { total_alarms: 1, total_events: 1, by_severity: { critical: 1 } },
  });
  expect((await post(`/api/alarms/${alarm}/clear`)).status).toBe(404);
  const changed = await ask(hub, 'PUT', `/api/alarms/${alarm}`, { token: developer, body: { threshold: 6 } });
  expect(changed.json).toMatchObject({ alarm: { threshold: 6, name: 'overv' } });
  await post(`/api/alarms/${alarm}/disable`);
  await hub.screen.until(
    'disabled at the bench',
    ({ rules }) => rules.find(({ id }) => id === alarm)?.enabled === false,
  );
  await post(`/api/alarms/${alarm}/enable`);
  expect((await ask(hub, 'DELETE', `/api/alarms/${alarm}`, { token: developer })).status).toBe(200);
  await hub.screen.until('gone at the bench', ({ rules }) => rules.length === 0);
  expect((await get(`/api/alarms/${alarm}`)).status).toBe(404);
  for (const [body, status] of [
    [{ name: 'x', equipment_id: supply, parameter: 'voltage', severity: 'awful' }, 422],
    [{ name: 'x', equipment_id: supply, parameter: 'voltage' }, 400],
    [{ name: 'x', equipment_id: supply, parameter: 'colour', threshold: 1 }, 400],
    [{ name: 'x', equipment_id: supply, parameter: 'voltage', alarm_type: 'deviation', threshold: 1 }, 501],
  ] as const)
    expect((await post('/api/alarms/create', body)).status).toBe(status);
});

test("a recording is the bench's own, counts, and is downloaded whole", async () => {
  const started = await post('/api/websocket/recording/start', { session_id: 'run 1', metadata: { operator: 'x' } });
  expect(started.json).toMatchObject({
    session_id: 'run 1',
    filepath: expect.stringMatching(/^stream_.*\.jsonl\.gz$/),
  });
  expect((await post('/api/websocket/recording/start', { session_id: 'run 1' })).status).toBe(409);
  await hub.screen.until('the session at the bench', ({ sessions }) =>
    sessions.some(({ session }) => session === 'run 1'),
  );
  expect((await get('/api/websocket/recording/active')).json).toEqual(['run 1']);
  await expect
    .poll(async () => (await get('/api/websocket/recording/stats/run 1')).json.message_count)
    .toBeGreaterThan(5);
  expect((await get('/api/websocket/recording/download/run 1/1')).status).toBe(404);
  const stopped = await post('/api/websocket/recording/stop/run 1');
  expect(stopped.json).toMatchObject({ session_id: 'run 1', message_count: expect.any(Number) });
  expect((await get('/api/websocket/recording/stats/run 1')).status).toBe(404);
  const response = await fetch(`${hub.url()}/api/websocket/recording/download/run 1/1`, {
    headers: { authorization: `Bearer ${developer}` },
  });
  expect(response.status).toBe(200);
  const { gunzipSync } = await import('node:zlib');
  const lines = String(gunzipSync(Buffer.from(await response.arrayBuffer())))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string });
  expect(lines[0]).toMatchObject({ type: 'metadata', session_id: 'run 1', metadata: { operator: 'x' } });
  expect(lines.length - 1).toBe(stopped.json.message_count);
  using probe = await LabLinkProbe.open(hub.socketUrl('/ws'), { token: developer });
  await probe.ask({ type: 'start_recording', session_id: 'run 2', metadata: {} }, 'recording_started');
  expect(await probe.ask({ type: 'stop_recording', session_id: 'run 2' }, 'recording_stopped')).toMatchObject({
    session_id: 'run 2',
    stats: { messages_per_second: expect.any(Number) },
  });
  using viewer = await LabLinkProbe.open(hub.socketUrl('/ws'), { token: await hub.token('viewer') });
  await viewer.ask({ type: 'start_recording' }, 'error', ({ code }) => code === 'call.denied');
});

test('what this bench has nothing for says so with 501 and the reason', async () => {
  for (const path of [
    '/api/scheduler/jobs',
    '/api/calibration/due',
    '/api/backup/list',
    '/api/state/list/x',
    '/firmware/packages',
  ])
    expect(await get(path)).toMatchObject({
      status: 501,
      json: { detail: expect.stringMatching(/Nothing was done/), code: 'hub.unsupported' },
    });
});
